-- What the gateway reads most, by keys: jobs in the order of their list, and all units of a job (the others are in units_one_per_shard).
create index jobs_listed on jobs (((state in ('queued', 'active'))::int) desc, created_at desc, id desc);
create index units_replaced on units (job) where state = 'replaced';
create index agents_by_owner on agents (owner);
