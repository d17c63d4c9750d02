-- Halves: two owners render half of a frame's samples each. The halves verify each other, and their mean is the frame.

alter table units
  add split boolean not null default false,  -- its replicas render halves; counted like a frame of two parts
  drop constraint units_check,
  add constraint units_check check (shard <> '' or parts = 1 or split);
alter table replicas add half smallint check (half in (0, 1));  -- of the samples, also of what an audit is of; null: all of them

alter table comparisons
  drop constraint comparisons_method_check,
  add constraint comparisons_method_check check (method in ('same_blob', 'same_pixels', 'metrics', 'halves', 'incomparable'));

create table merges (
  unit bigint not null references units,
  half smallint not null check (half in (0, 1)),
  artifact text not null,
  primary key (unit, half)
);
comment on table merges is 'writer: verifier. The halves that the frame of an accepted unit is put together of.';
