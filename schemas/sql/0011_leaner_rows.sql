-- What each result costs.

-- A lease names its unit, agent and owner once; what hangs on a lease or a unit need not have them checked again.
alter table replicas drop constraint replicas_owner_fkey;
alter table results
  drop constraint results_unit_fkey,
  drop constraint results_owner_fkey,
  drop constraint results_agent_fkey;
alter table comparisons drop constraint comparisons_unit_fkey;
alter table verdicts drop constraint verdicts_unit_fkey;
alter table outputs drop constraint outputs_job_fkey;
alter table ledger
  drop constraint ledger_owner_fkey,
  drop constraint ledger_job_fkey;

-- Rows come in the order of time, so blocks can be told apart by it.
drop index outputs_by_time;
drop index results_by_time;
drop index replicas_by_time;
create index outputs_by_time on outputs using brin (accepted_at) with (autosummarize = on);
create index results_by_time on results using brin (received_at) with (autosummarize = on);
create index replicas_by_time on replicas using brin (leased_at) with (autosummarize = on);

-- One index serves an owner's credit, of a day and of all times; nobody asks for a job's account alone.
drop index ledger_by_owner;
drop index ledger_by_time;
drop index ledger_by_job;
create index ledger_by_owner on ledger (owner, posted_at) where account = 'owner';

-- A replica's row changes while it is in work: the new version finds room beside the old one.
alter table replicas set (fillfactor = 75);
