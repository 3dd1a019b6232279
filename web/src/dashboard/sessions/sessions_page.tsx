// Playback sessions of somebody: a help desk finds them by user, day and time, everyone finds their own.

import { useEffect, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { MomentField, TextField } from "../../design/field.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { canTeach } from "../../pages/presence.ts";
import { dateTime, text, timeZone } from "../../texts/texts.ts";
import { useDashboard } from "../parts/context.ts";
import { Part } from "../parts/trouble.tsx";
import { useFresh } from "../parts/use_fresh.ts";
import { sessionAddress, sessionsAddress } from "../service/routes.ts";
import {
  MOST_SESSIONS,
  type SessionPage,
  type SessionRow,
  type SessionSearch,
  searchOf,
  sessionsUrl,
} from "../service/sessions.ts";
import { deviceOf, stallsOf } from "./words.ts";

const EVERY_MS = 10_000;

export function SessionsPage() {
  const [search, setSearch] = useState<SessionSearch>(searchOf(location.search));
  useEffect(() => {
    document.title = `${text("dashboard.sessions.title")} · ${text("common.brand")}`;
  }, []);
  const look = (next: SessionSearch) => {
    history.replaceState(null, "", sessionsAddress(next));
    setSearch(next);
  };
  return (
    <>
      <header class="heading">
        <div>
          {canTeach.value && (
            <p class="crumb">
              <a href="/dashboard">{text("dashboard.title")}</a>
            </p>
          )}
          <h1>{text("dashboard.sessions.title")}</h1>
          <p class="quiet">{text("dashboard.sessions.intro")}</p>
        </div>
      </header>
      <SearchForm search={search} look={look} />
      <Found search={search} />
    </>
  );
}

interface SearchFormProps {
  search: SessionSearch;
  look: (search: SessionSearch) => void;
}

/** Who may see nobody else is not asked whom they mean. */
function SearchForm({ search, look }: SearchFormProps) {
  const { viewer } = useDashboard();
  const [userId, setUserId] = useState(search.userId);
  const [day, setDay] = useState(search.day);
  const [time, setTime] = useState(search.time ?? "");
  const asksForUser = canTeach.value || search.userId !== "";
  const submit = (event: Event) => {
    event.preventDefault();
    look({ userId: userId.trim(), day, time: day && time });
  };
  return (
    <form class="tools sessions__search" onSubmit={submit}>
      {asksForUser && (
        <TextField
          label={text("dashboard.sessions.user")}
          value={userId}
          onInput={setUserId}
          placeholder={viewer.userId}
          name="user_id"
        />
      )}
      <MomentField
        label={text("dashboard.sessions.day")}
        type="date"
        value={day}
        onInput={setDay}
        name="day"
      />
      <MomentField
        label={text("dashboard.sessions.from")}
        type="time"
        value={time}
        onInput={setTime}
        name="time"
        disabled={!day}
      />
      <Button type="submit">
        <Icon name="search" />
        {text("dashboard.sessions.find")}
      </Button>
      <p class="quiet">{text("dashboard.sessions.zone", { zone: timeZone() })}</p>
    </form>
  );
}

function Found({ search }: { search: SessionSearch }) {
  const sessions = useFresh<SessionPage>(sessionsUrl(search), { everyMs: EVERY_MS });
  return (
    <section aria-label={text("dashboard.sessions.title")}>
      <Part fresh={sessions}>
        {(page) =>
          page.items.length ? (
            <>
              {page.next_cursor && (
                <p class="notice">{text("dashboard.sessions.more", { count: MOST_SESSIONS })}</p>
              )}
              <Rows rows={page.items.toReversed()} userId={search.userId} />
            </>
          ) : (
            <EmptyState icon="clock" title={text("dashboard.sessions.none")}>
              {text("dashboard.sessions.noneText")}
            </EmptyState>
          )
        }
      </Part>
    </section>
  );
}

function Rows({ rows, userId }: { rows: readonly SessionRow[]; userId: string }) {
  return (
    <div class="table-frame card">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text("dashboard.sessions.began")}</th>
            <th scope="col">{text("dashboard.video")}</th>
            <th scope="col" class="wide-only">
              {text("dashboard.sessions.device")}
            </th>
            <th scope="col">{text("dashboard.sessions.stalls")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.session_id} ${row.video_id}`}>
              <th scope="row">
                <a href={sessionAddress(row.session_id, userId)}>{dateTime(row.started_at)}</a>
              </th>
              <td class="table__name">
                <bdi>{row.title}</bdi>
              </td>
              <td class="wide-only quiet">{deviceOf(row.quality)}</td>
              <td>{stallsOf(row.quality)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
