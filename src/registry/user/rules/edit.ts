// Editing a device: its name, note and limits.
import type { DeviceRecord } from "../../../domain/records.ts";
import { toList } from "../tables/device-table.ts";

type Editable = Pick<DeviceRecord, "name" | "note" | "apps" | "countries" | "expiresAt" | "paths">;

/** What is `undefined` stays as it is. */
export type DeviceEdit = { [Field in keyof Editable]?: Editable[Field] | undefined };

const FIELDS = [
  "name",
  "note",
  "apps",
  "countries",
  "expiresAt",
  "paths",
] as const satisfies (keyof Editable)[];

export function edited(device: DeviceRecord, edit: DeviceEdit): DeviceRecord {
  const given = Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined));
  return { ...device, ...given };
}

/** For the audit log: each field that changed, before and after. */
export function differences(before: Editable, after: Editable): Record<string, string | null> {
  return Object.fromEntries(
    FIELDS.flatMap((field): [string, string | null][] => {
      const [was, is] = [text(before[field]), text(after[field])];
      return was === is
        ? []
        : [
            [`${field}Before`, was],
            [field, is],
          ];
    }),
  );
}

function text(value: Editable[keyof Editable]): string | null {
  if (typeof value === "number") return new Date(value).toISOString();
  return value === null || typeof value === "string" ? value : toList(value);
}
