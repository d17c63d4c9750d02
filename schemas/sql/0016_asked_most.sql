-- What is asked most, by keys: jobs in the order of their list, and all units of a job (the others are in units_one_per_shard).
create index jobs_listed on jobs (((state in ('queued', 'active'))::int) desc, created_at desc, id desc);
create index units_replaced on units (job) where state = 'replaced';
create index agents_by_owner on agents (owner);

-- What is changed most keeps room in its pages, so that a change that touches no index stays in its page and writes none.
alter table replicas set (fillfactor = 60);  -- the artifact that is committed to
alter table results set (fillfactor = 85);   -- the judgement
alter table trust set (fillfactor = 50);
alter table jobs set (fillfactor = 50);
