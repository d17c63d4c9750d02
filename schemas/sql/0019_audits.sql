-- Audits: results that other owners render again in part before they are accepted.

create table audits (
  id bigint generated always as identity primary key,
  unit bigint not null references units,
  target text not null references results,           -- the result that is looked at
  seed bigint not null check (seed >= 0),            -- where its tiles lie; drawn after the target was committed to
  tiles integer not null check (tiles > 0),
  samples integer not null check (samples > 0),      -- that a pixel of an honest frame has
  cost double precision not null check (cost >= 0),  -- of it, in renders, as was expected when it was ordered
  state text not null default 'open' check (state in ('open', 'passed', 'failed', 'unable', 'dropped')),
  lease text unique references results,              -- the answer
  finding text not null default '',                  -- for people
  differing double precision,                        -- the figures of verifier/audit: share of the samples in tiles
  wrong_tiles integer,
  block_deviation double precision,
  window_deviation double precision,
  ordered_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
comment on table audits is 'writer: verifier. Orders to look at a result, and what was found. The dispatcher hands out what is open.';
create index audits_by_unit on audits (unit);

alter table replicas add audit bigint references audits;  -- what the lease is of; null: the whole unit
alter table results add audit bigint references audits;   -- likewise
create index replicas_by_audit on replicas (audit) where audit is not null;

create table job_checks (
  job text primary key references jobs,
  frames integer not null default 0,                 -- whole ones that were measured, at most some
  frame_seconds double precision not null default 0, -- of them together
  loads integer not null default 0,                  -- results of which it is known how long the scene took
  load_seconds double precision not null default 0,
  audits integer not null default 0,
  audit_seconds double precision not null default 0,
  unauditable text not null default '',              -- why an agent could not audit it
  chosen text not null default ''                    -- what people were told last: audits, replicas
);
comment on table job_checks is 'writer: verifier. What frames and audits of a job cost, and how they are checked because of it.';

-- What changed of the belief in owners since the dispatcher looked.
create index trust_by_update on trust (updated_at);
