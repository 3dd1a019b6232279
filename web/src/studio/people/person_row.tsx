// One enrolled person: role and withdrawal. Instructors are changed by admins only.

import { useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { dateTime, text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { Confirm } from "../parts/forms.tsx";
import type { Enrollment, Role } from "../service/answers.ts";

const ROLES: readonly Role[] = ["student", "instructor"];

interface PersonRowProps {
  person: Enrollment;
  setRole: (userId: string, role: Role) => void;
  withdraw: (person: Enrollment) => void;
}

export function PersonRow({ person, setRole, withdraw }: PersonRowProps) {
  const { isPrivileged } = useStudio();
  const [isAsking, setAsking] = useState(false);
  const { user_id: name, role, created_at: since } = person;
  const mayChange = isPrivileged || role !== "instructor";
  return (
    <tr>
      <th scope="row" class="people__name">
        {name}
      </th>
      <td>
        {isPrivileged ? (
          <select
            class="select"
            aria-label={text("studio.people.roleOf", { name })}
            value={role ?? "student"}
            onChange={({ currentTarget }) => setRole(name, currentTarget.value as Role)}
          >
            {ROLES.map((one) => (
              <option key={one} value={one}>
                {text(`studio.people.roles.${one}`)}
              </option>
            ))}
          </select>
        ) : (
          <span title={mayChange ? undefined : text("studio.people.adminsOnly")}>
            {text(`studio.people.roles.${role ?? "student"}`)}
          </span>
        )}
      </td>
      <td class="people__since quiet">{dateTime(since)}</td>
      <td class="people__actions">
        {mayChange && (
          <Button
            kind="quiet"
            label={text("studio.people.withdrawThing", { name })}
            onClick={() => setAsking(true)}
          >
            {text("studio.people.withdraw")}
          </Button>
        )}
        {isAsking && (
          <Confirm
            title={text("studio.people.withdrawTitle", { name })}
            action={text("studio.people.withdraw")}
            run={() => withdraw(person)}
            onClose={() => setAsking(false)}
          >
            {text("studio.people.withdrawText", { name })}
          </Confirm>
        )}
      </td>
    </tr>
  );
}
