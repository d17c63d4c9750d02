-- Pictures that were rendered elsewhere and are compared on request.

create table verifications (
  id text primary key,
  tenant text not null references tenants,
  idempotency_key text,
  title text not null,
  same_class boolean not null,
  state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
  agreed boolean not null default false,
  reason text not null default '',           -- of the last try while it waits
  tries integer not null default 0,
  due_at timestamptz not null default now(), -- not tried before
  submitted_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (tenant, idempotency_key)
);
comment on table verifications is 'writer: the dispatcher of what is asked, from state to due_at the verifier. Kept for 30 days.';
create index verifications_waiting on verifications (due_at) where state = 'waiting';
create index verifications_listed on verifications (submitted_at desc, id desc);
create index verifications_of_tenant on verifications (tenant, submitted_at desc, id desc);

create table verification_pictures (
  verification text not null references verifications on delete cascade,
  place smallint not null check (place between 1 and 5),
  sha256 text not null,
  primary key (verification, place)
);
comment on table verification_pictures is 'writer: dispatcher';
create index verification_pictures_by_blob on verification_pictures using hash (sha256);

create table verification_pairs (
  verification text not null references verifications on delete cascade,
  a smallint not null,
  b smallint not null check (a < b),
  method text not null,
  agree boolean not null,
  psnr_db double precision,
  ssim double precision,
  worst_block_psnr_db double precision,
  lpips double precision,
  heat_map text,
  heat_map_bytes bigint,
  primary key (verification, a, b)
);
comment on table verification_pairs is 'writer: verifier';
create index verification_pairs_by_blob on verification_pairs using hash (heat_map) where heat_map is not null;
