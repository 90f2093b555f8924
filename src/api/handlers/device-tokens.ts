// Devices that show a token in a header, or the secret in a feed URL. They are made here, and the secret is shown once.
import type { NewDeviceToken } from "../../contract/answers.ts";
import { API_PATH } from "../../contract/paths.ts";
import { CreateDeviceTokenRequest, RotateDeviceTokenRequest } from "../../contract/requests.ts";
import { type MadeDeviceToken, makeDeviceToken, makeNextToken } from "../device-token.ts";
import { body, deviceOf, type Handler, json, userParam } from "../handler.ts";
import { representDevice } from "../represent.ts";

export const createDeviceToken: Handler = async (request, context) => {
  const user = userParam(request);
  const made = await makeDeviceToken(context, user, await body(request, CreateDeviceTokenRequest));
  return answer(made, context.by, { Location: `${API_PATH}/users/${user}/devices/${made.device.id}` });
};

export const rotateDeviceToken: Handler = async (request, context) => {
  const wanted = await body(request, RotateDeviceTokenRequest);
  const device = await deviceOf(request, context);
  return answer(await makeNextToken(context, device, wanted), context.by);
};

function answer(
  { device, token }: MadeDeviceToken,
  by: { at: number },
  headers: Record<string, string> = {},
): Response {
  return json<NewDeviceToken>({ device: representDevice(device, by), token }, 201, headers);
}
