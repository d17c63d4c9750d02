-- What each unit costs. A foreign key asks once for each row, and locks the row that it finds: 16 times for a unit of two
-- replicas, a fifth of PostgreSQL's time. Those below are kept by the statements that write the rows, whose targets are
-- never deleted.

-- Written from the rows of replicas that they name (verifier/trust/docket.cc).
alter table results drop constraint results_lease_fkey;
-- Of the results that the same transaction wrote or has read.
alter table verdicts drop constraint verdicts_lease_fkey;
alter table comparisons
  drop constraint comparisons_lease_a_fkey,
  drop constraint comparisons_lease_b_fkey;
-- Selected from the rows of results and units.
alter table ledger drop constraint ledger_lease_fkey;
alter table outputs drop constraint outputs_unit_fkey;
-- The grant holds the job's row, makes its units or has read them, and knows agents by their rows (dispatcher/economy/ledger.cc).
alter table replicas
  drop constraint replicas_unit_fkey,
  drop constraint replicas_agent_fkey;
alter table units drop constraint units_job_fkey;

-- Each result changes the record of its owner: with this index each change wrote all indexes of the table anew. The
-- dispatcher reads the few rows of all owners every few seconds instead.
drop index trust_by_update;

-- One picture may come a hundred thousand times (a black frame), and a hash index looks through all of its entries for room
-- for another. A tree keeps equal keys together, and finds room at once; the queries name the hash.
drop index results_by_artifact;
drop index outputs_by_artifact;
create index results_by_artifact on results (hashtextextended(artifact, 0)) where artifact is not null;
create index outputs_by_artifact on outputs (hashtextextended(artifact, 0));

-- Committed to and reported, a row has three versions within a minute: with room for them in its page the commitment changes
-- no index.
alter table replicas set (fillfactor = 40);
