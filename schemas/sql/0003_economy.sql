-- Priorities, deadlines, dependencies, control of jobs and agents, and the leader's fence.

alter table tenants
  add weight double precision not null default 1 check (weight > 0),
  add max_leases integer not null default 0 check (max_leases >= 0),   -- replicas in work at once; 0: no limit
  add max_jobs integer not null default 100000 check (max_jobs >= 0);  -- that are not finished

alter table jobs
  add priority smallint not null default 50 check (priority between 0 and 100),
  add deadline timestamptz,
  add not_before timestamptz,
  add after text[] not null default '{}',              -- jobs that must be completed first
  add paused boolean not null default false,
  add position integer not null default 0,             -- in the frame order; all frames before it have units
  add frames_ordered integer not null default 0,       -- frames at its submission, the part in preview order
  add first_frames integer[] not null default '{}',    -- wanted now by the artist, without a unit
  add early_frames integer[] not null default '{}',    -- beyond position, with a unit
  add changed_at timestamptz not null default clock_timestamp(),
  drop constraint jobs_state_check,
  add constraint jobs_state_check check (state in ('queued', 'active', 'completed', 'failed', 'cancelled'));
update jobs set position = frames_made, frames_ordered = 0;   -- their order was that of their numbers
create index jobs_changed on jobs (changed_at);
create index jobs_by_tenant on jobs (tenant, created_at);

-- A failed frame that is asked for again gets a new unit; the old one stays for its history.
alter table units
  drop constraint units_state_check,
  add constraint units_state_check check (state in ('open', 'accepted', 'failed', 'cancelled', 'replaced')),
  drop constraint units_job_frame_key;
create unique index units_one_per_frame on units (job, frame) where state <> 'replaced';

alter table agents
  add standing text not null default 'enabled' check (standing in ('enabled', 'drained', 'disabled')),
  add standing_reason text not null default '',
  add labels text[] not null default '{}',
  add version text not null default '',
  add blender text not null default '',
  add features text[] not null default '{}',
  add engines text[] not null default '{}',
  add memory_bytes bigint not null default 0,
  add threads integer not null default 0,
  add slots integer not null default 0,
  add online boolean not null default false,
  add changed_at timestamptz not null default clock_timestamp();
create index agents_changed on agents (changed_at);

create table leadership (
  id boolean primary key default true check (id),
  epoch bigint not null default 0,           -- grows with every leader; an older leader can write nothing
  leader text not null default '',
  since timestamptz
);
insert into leadership default values;
comment on table leadership is 'writer: dispatcher. Who leads. Every writing transaction of the leader checks its epoch.';
