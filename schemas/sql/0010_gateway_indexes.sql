-- What the gateway's figures look through by time, and owners' credit of a day.
create index outputs_by_time on outputs (accepted_at);
create index outputs_by_job_time on outputs (job, accepted_at);
create index results_by_time on results (received_at);
create index replicas_by_time on replicas (leased_at);
create index jobs_by_finish on jobs (finished_at);
create index ledger_by_time on ledger (owner, posted_at) where account = 'owner' and kind = 'earned';
