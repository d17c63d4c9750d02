-- Frames that are divided into several units.

create table divided_frames (
  job text not null references jobs,
  frame integer not null,
  parts integer not null check (parts > 1),
  state text not null default 'open' check (state in ('open', 'accepted', 'failed')),
  primary key (job, frame)
);
comment on table divided_frames is 'writer: dispatcher. Counts once for its job: when it is assembled, or when a part fails.';
create index divided_frames_open on divided_frames (job, frame) where state = 'open';
