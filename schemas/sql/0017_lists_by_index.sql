-- Lists in the order of an index: the frame that was accepted last of each job, agents that are online first.
drop index outputs_by_job_time;
create index outputs_by_job_time on outputs (job, accepted_at, frame);
create index agents_listed on agents (online desc, owner, id);
