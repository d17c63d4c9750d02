-- Every table has one writer, named in its comment.

create table tenants (
  id text primary key,
  created_at timestamptz not null default now()
);
comment on table tenants is 'writer: dispatcher. Who submits jobs.';

create table owners (
  id text primary key,
  created_at timestamptz not null default now()
);
comment on table owners is 'writer: dispatcher. A volunteer''s account.';

create table agents (
  id text primary key,                       -- public nkey
  owner text not null references owners,
  render_class text,
  last_seen_at timestamptz,
  created_at timestamptz not null default now()
);
comment on table agents is 'writer: dispatcher. A program on a render node.';

create table credentials (
  agent text primary key references agents,
  issued_at timestamptz not null default now(),
  revoked_at timestamptz
);
comment on table credentials is 'writer: dispatcher. Which agents the broker lets in (agents.conf is made from it).';

create table scenes (
  sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint not null check (size_bytes > 0),
  name text not null,
  blender text not null,
  created_at timestamptz not null default now()
);
comment on table scenes is 'writer: dispatcher. Packed .blend files that a job named.';

create table jobs (
  id text primary key,
  tenant text not null references tenants,
  idempotency_key text,
  title text not null,
  manifest jsonb not null,
  scene text not null references scenes,
  frames_total integer not null check (frames_total > 0),
  frames_made integer not null default 0,    -- units exist for the first so many frames
  frames_accepted integer not null default 0,
  frames_failed integer not null default 0,
  replicas smallint not null check (replicas between 1 and 9),
  max_replicas smallint not null check (max_replicas between replicas and 99),
  state text not null default 'queued' check (state in ('queued', 'active', 'completed', 'failed')),
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (tenant, idempotency_key),
  check (frames_accepted + frames_failed <= frames_made and frames_made <= frames_total)
);
comment on table jobs is 'writer: dispatcher. An accepted manifest and its life.';
create index jobs_open on jobs (created_at) where state in ('queued', 'active');

create table units (
  id bigint generated always as identity primary key,
  job text not null references jobs,
  frame integer not null,
  state text not null default 'open' check (state in ('open', 'accepted', 'failed')),
  replicas_wanted smallint not null,         -- as the trust engine asked last
  reason text,                               -- of the verdict, for people
  made_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (job, frame)
);
comment on table units is 'writer: dispatcher. Made lazily: a job of a million frames has rows for its open units.';
create index units_open on units (job) where state = 'open';

create table replicas (
  lease text primary key,
  unit bigint not null references units,
  agent text not null references agents,
  owner text not null references owners,
  slot integer not null,
  state text not null default 'leased' check (state in ('leased', 'reported', 'void', 'expired')),
  committed_sha256 text,                     -- the artifact that the agent committed to before uploading it
  committed_bytes bigint,
  leased_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz
);
comment on table replicas is 'writer: dispatcher. One lease each; a unit''s replicas go to different owners.';
-- Invariant 2. An expired or void replica gave no opinion, so its owner may be asked again.
create unique index replicas_one_per_owner on replicas (unit, owner) where state in ('leased', 'reported');
create index replicas_by_unit on replicas (unit);
create index replicas_live on replicas (agent) where state = 'leased';

create table results (
  lease text primary key references replicas,
  unit bigint not null references units,
  owner text not null references owners,
  agent text not null references agents,
  outcome text not null check (outcome in ('rendered', 'failed', 'void')),
  artifact text,
  size_bytes bigint,
  render_seconds double precision not null default 0,
  renderer text not null default '',
  error_code text not null default '',
  error text not null default '',
  log_tail text not null default '',
  judged text not null default 'pending' check (judged in ('pending', 'agreed', 'rejected', 'failed', 'void')),
  received_at timestamptz not null default now()
);
comment on table results is 'writer: verifier. What an agent reported for a replica, once per lease.';
-- Two opinions of one owner on one unit never count.
create unique index results_one_per_owner on results (unit, owner) where outcome <> 'void';

create table comparisons (
  unit bigint not null references units,
  lease_a text not null references results,
  lease_b text not null references results,
  method text not null check (method in ('same_blob', 'same_pixels', 'metrics', 'incomparable')),
  psnr_db double precision,                  -- null: identical
  ssim double precision,
  agree boolean not null,
  metrics_version integer not null,
  compared_at timestamptz not null default now(),
  primary key (lease_a, lease_b),
  check (lease_a < lease_b)
);
comment on table comparisons is 'writer: verifier. Pairwise evidence.';
create index comparisons_by_unit on comparisons (unit);

create table verdicts (
  unit bigint not null references units,
  lease text not null references replicas,   -- the result that led to it
  decision text not null check (decision in ('pending', 'accepted', 'more_replicas', 'failed')),
  counts boolean not null default true,
  replicas_needed smallint not null default 0,
  artifact text,
  reason text not null,
  decided_at timestamptz not null default now(),
  published_at timestamptz,                  -- outbox: null until JetStream has stored the message
  primary key (lease)
);
comment on table verdicts is 'writer: verifier. One for each judged result; at most one of a unit is final.';
-- Invariant 1.
create unique index verdicts_final_once on verdicts (unit) where decision in ('accepted', 'failed');
create index verdicts_unpublished on verdicts (decided_at) where published_at is null;

create table outputs (
  unit bigint primary key references units,
  job text not null references jobs,
  frame integer not null,
  artifact text not null,
  size_bytes bigint not null,
  accepted_at timestamptz not null default now(),
  unique (job, frame)
);
comment on table outputs is 'writer: verifier. What an artist may fetch.';

create table credit (
  lease text primary key references results, -- once per result
  owner text not null references owners,
  job text not null references jobs,
  amount double precision not null check (amount >= 0),  -- render seconds
  earned_at timestamptz not null default now()
);
comment on table credit is 'writer: verifier. What accepted work earned, once per result.';
create index credit_by_owner on credit (owner);

create table trust (
  owner text primary key references owners,
  agreed bigint not null default 0,
  rejected bigint not null default 0,
  failed bigint not null default 0,
  updated_at timestamptz not null default now()
);
comment on table trust is 'writer: verifier. The record of each owner.';
