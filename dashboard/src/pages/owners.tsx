import type { JSX } from "preact";
import type { OwnerList } from "../api";
import { useResource, useTitle } from "../hooks";
import { Leaderboard } from "../parts/leaderboard";
import { Missing } from "../parts/status";
import { age, duration, percent } from "../words";

export function OwnersPage(): JSX.Element {
  useTitle("Volunteers");
  const { value, error } = useResource<OwnerList>("/v1/owners?limit=1000", () => true);
  if (!value) return <Missing error={error} what="the volunteers" />;
  const owners = [...(value.owners ?? [])].sort((a, b) => b.credit - a.credit);
  const most = owners[0]?.credit ?? 0;
  return (
    <>
      <h1>Volunteers</h1>
      <p class="muted">Credit is render time of replicas that agreed; the record is what the trust engine judged.</p>
      {owners.length === 0 && <p class="notice">Nobody has enrolled a machine yet.</p>}
      {owners.length > 0 && <Leaderboard />}
      <ul class="owners">
        {owners.map((owner) => {
          const judged = owner.agreed + owner.rejected + owner.failed;
          return (
            <li key={owner.owner} class="card">
              <h2>{owner.owner}</h2>
              <p class="muted">
                {owner.online} of {owner.agents} machines online · seen {age(owner.last_seen_ms)}
              </p>
              <dl class="facts">
                <div class="fact">
                  <dt>Credit</dt>
                  <dd>{duration(owner.credit)}</dd>
                </div>
                <div class="fact">
                  <dt>Today</dt>
                  <dd>{duration(owner.credit_day)}</dd>
                </div>
                <div class="fact">
                  <dt>Agreed</dt>
                  <dd>{judged ? `${percent(owner.agreed / judged)} of ${judged}` : "–"}</dd>
                </div>
                {owner.rejected > 0 && (
                  <div class="fact">
                    <dt>Rejected</dt>
                    <dd class="bad">{owner.rejected}</dd>
                  </div>
                )}
                {owner.failed > 0 && (
                  <div class="fact">
                    <dt>Failed</dt>
                    <dd>{owner.failed}</dd>
                  </div>
                )}
              </dl>
              <div class="record" role="img" aria-label={`${owner.agreed} agreed, ${owner.rejected} rejected, ${owner.failed} failed`}>
                <span class="bar-accepted" style={{ flexGrow: owner.agreed }} />
                <span class="bar-failed" style={{ flexGrow: owner.rejected }} />
                <span class="bar-other" style={{ flexGrow: owner.failed }} />
              </div>
              <div class="credit-bar" aria-hidden="true">
                <span style={{ width: `${most > 0 ? (100 * owner.credit) / most : 0}%` }} />
              </div>
            </li>
          );
        })}
      </ul>
    </>
  );
}
