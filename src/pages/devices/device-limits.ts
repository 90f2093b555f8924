// A device's limits: which apps it can use, from where and until when, and a feed's paths.
import { deviceOf } from "../../api/handler.ts";
import { changeLimits } from "../../api/limits.ts";
import { representDevice } from "../../api/represent.ts";
import type { Device } from "../../contract/answers.ts";
import { devicePath, PATHS } from "../../contract/paths.ts";
import { LimitDeviceRequest } from "../../contract/requests.ts";
import { field, mistakeOf, parseFields } from "../html/forms.ts";
import { type Html, html, seeOther, show } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import {
  choiceOf,
  limitFields,
  limitsAsTyped,
  limitsOf,
  pathsField,
  pathsOf,
  readTypedLimits,
  type TypedLimits,
} from "../html/limits-form.ts";
import type { PageContext } from "../html/page-context.ts";
import { duration } from "../html/times.ts";

/** Shows a form with the limits. */
export async function limitsForm(context: PageContext): Promise<Html> {
  const found = representDevice(await deviceOf(context, context), context.by);
  return formPage(found, limitsAsTyped(found, context.timeZone), (found.paths ?? []).join("\n"), context);
}

/** Changes them, or shows the form again with what was typed and what is wrong. */
export async function limitDevice(context: PageContext): Promise<Response> {
  const { form, by } = context;
  const record = await deviceOf(context, context);
  const found = representDevice(record, by);
  const typed = readTypedLimits(form);
  const paths = field(form, "paths");
  try {
    const isFeed = found.kind === "feed";
    const fields = { ...limitsOf(typed, found), ...(isFeed ? { paths: pathsOf(paths) } : {}) };
    await changeLimits(context, record, parseFields(fields, LimitDeviceRequest));
  } catch (error) {
    const { message, status } = mistakeOf(error, ["invalid-fields", "scope-required"]);
    return show(formPage(found, typed, paths, context, message), status);
  }
  return seeOther(`${devicePath(found)}?saved`);
}

const BROWSER_HINT = html`<p class="hint">An app that you take away comes back when its person signs in there: to keep the browser out, suspend it. With a time limit, using the browser no longer keeps it signed in.</p>`;

function formPage(
  found: Device,
  typed: TypedLimits,
  paths: string,
  context: PageContext,
  message?: Html,
): Html {
  const { apps, principal, revocationDelayMs } = context;
  return layout(
    { title: `Limits of ${found.name}`, principal, current: PATHS.devices, below: true },
    html`<p class="back"><a href="${devicePath(found)}">← ${found.name}</a></p>
${message}
<form method="post" action="${devicePath(found, "limits")}">
${limitFields(typed, choiceOf(apps, found.kind))}
${found.kind === "feed" ? pathsField(paths) : ""}
${found.kind === "browser" ? BROWSER_HINT : ""}
<p class="hint">A tighter limit takes effect everywhere ${revocationDelayMs === 0 ? "immediately" : `within ${duration(revocationDelayMs)}`}.</p>
<p class="acts"><button>Save</button> <a href="${devicePath(found)}">Cancel</a></p>
</form>`,
  );
}
