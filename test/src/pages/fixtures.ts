// A browser without a browser: the real Worker, asked as a browser asks.
import { env } from "cloudflare:workers";
import { PATHS } from "../../../src/contract/paths.ts";
import { ADMIN_HOST } from "../fixtures.ts";
import { Isolate } from "../gate/fixtures.ts";

/** A browser that is signed in, on a Worker with these settings. */
export async function signedIn(settings: Record<string, unknown> = {}, token = env.ADMIN_TOKEN) {
  const isolate = new Isolate(settings);
  const origin = `https://${ADMIN_HOST}`;
  const headers = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  let cookie = "";
  const ask = async (path: string, fields?: Record<string, string> | [string, string][]) => {
    const sent = fields === undefined ? {} : { method: "POST", body: new URLSearchParams(fields).toString() };
    const form = {
      origin,
      "sec-fetch-site": "same-origin",
      "content-type": "application/x-www-form-urlencoded",
    };
    const response = await isolate.fetch(`${origin}${path}`, {
      ...sent,
      redirect: "manual",
      headers: { ...headers, ...(fields === undefined ? {} : form), cookie },
      cf: { country: "CH", timezone: "Europe/Zurich" },
    });
    return {
      status: response.status,
      location: response.headers.get("location"),
      text: await response.text(),
      response,
    };
  };
  const { response } = await ask(PATHS.signIn, { token, next: PATHS.home });
  cookie = (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  return { ask, page: async (path: string) => (await ask(path)).text };
}

/** The page as it reads, without its tags. */
export const words = (page: string) =>
  page
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replace(/\s+/g, " ");
