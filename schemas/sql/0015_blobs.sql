-- What tenants may keep, what agents may hand in, and which blobs nothing refers to.

alter table tenants add max_stored_bytes bigint not null default 0 check (max_stored_bytes >= 0);  -- 0: no limit
alter table uploads add size_bytes bigint not null default 0 check (size_bytes >= 0);
update uploads u set size_bytes = s.size_bytes from scenes s where s.sha256 = u.sha256;
-- Of all artifacts that a lease committed to, one after the other; what bounds an agent's uploads.
alter table replicas add asked_bytes bigint not null default 0;

-- Only ever asked for one hash.
create index results_by_artifact on results using hash (artifact) where artifact is not null;
create index outputs_by_artifact on outputs using hash (artifact);
create index uploads_by_blob on uploads using hash (sha256);
