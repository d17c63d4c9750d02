-- Units of several short frames. What they hand in is a bundle (shared/image/bundle.h); each frame becomes an output.

alter table units
  add frames integer not null default 1 check (frames between 1 and 1000),
  add frame_step integer not null default 1 check (frame_step > 0),
  add last_frame integer not null generated always as (frame + (frames - 1) * frame_step) stored,
  add check (frames = 1 or shard <> '' and parts = 1 and not split);

-- A unit has as many as it has frames.
alter table outputs drop constraint outputs_pkey;
create index outputs_by_unit on outputs (unit);
