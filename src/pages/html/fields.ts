// No I/O. No clock.
//
// Pieces of forms that several pages have.
import type { UserRecord } from "../../domain/records.ts";
import { type Html, html } from "./html.ts";

export function userSelect(id: string, users: readonly UserRecord[], chosen: string | null = null): Html {
  return html`<select id="${id}" name="user" required>${users.map(
    (user) =>
      html`<option value="${user.id}"${user.id === chosen ? html` selected` : ""}>${user.name === null ? user.id : `${user.name} (${user.id})`}</option>`,
  )}</select>`;
}

/** The common name in a subject, as a proposal for the device's. */
export function nameIn(subject: string | null): string {
  const name = /(?:^|[,/]\s*)CN\s*=\s*([^,/]{1,64})/i.exec(subject ?? "")?.[1]?.trim() ?? "";
  // Cloudflare's dashboard calls all of its certificates so.
  return name === "Cloudflare" ? "" : name;
}
