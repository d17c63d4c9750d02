-- Units that are a part of a frame, and the frames that are assembled from such parts.

alter table units
  add shard text not null default '',        -- '': the whole frame; otherwise as shared/messages/shard.h writes it
  add parts integer not null default 1 check (parts > 0),  -- units that this one's frame is divided into
  add check (shard <> '' or parts = 1),
  drop constraint if exists units_job_frame_key;
drop index if exists units_one_per_frame;
create unique index units_one_per_shard on units (job, frame, shard) where state <> 'replaced';

create table assemblies (
  job text not null references jobs,
  frame integer not null,
  state text not null default 'waiting' check (state in ('waiting', 'made', 'failed')),
  tries integer not null default 0,
  due_at timestamptz not null default now(), -- not tried before
  error text not null default '',            -- of the last try, for people
  finished_at timestamptz,
  primary key (job, frame)
);
comment on table assemblies is 'writer: verifier. Frames of which a part was accepted; once all are, the frame is made.';
create index assemblies_waiting on assemblies (due_at) where state = 'waiting';
