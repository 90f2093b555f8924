// The credentials of people: tokens, sessions, invitations.
import type {
  InvitationList,
  Me,
  NewInvitation,
  NewToken,
  SessionList,
  TokenList,
} from "../../contract/answers.ts";
import { MAX_INVITATION_BYTES, TOKEN_SECONDS } from "../../contract/limits.ts";
import { CreateInvitationRequest, CreateTokenRequest } from "../../contract/requests.ts";
import { API_VERSION, VERSION } from "../../contract/version.ts";
import {
  body,
  type Handler,
  json,
  must,
  noContent,
  pathParam,
  registryOfUser,
  userParam,
} from "../handler.ts";
import { makeInvitation } from "../invite.ts";
import { registryProblem } from "../problem.ts";
import { representInvitation, representSession, representToken } from "../represent.ts";

export const showMe: Handler = async (_, { principal, apps }) => {
  const { actor, scope, user } = principal;
  return json<Me>({
    actor,
    scope,
    user,
    apps: [...apps.profiles],
    version: VERSION,
    apiVersion: API_VERSION,
  });
};

export const listTokens: Handler = async (_, { directory }) => {
  return json<TokenList>({
    tokens: (await directory.ask((directory) => directory.tokens())).map(representToken),
  });
};

export const createToken: Handler = async (request, { directory, secrets, by }) => {
  const { user, name, scope, expiresInSeconds: wanted } = await body(request, CreateTokenRequest);
  const isCard = scope === "emergency";
  // A card lies in a drawer until it is needed, perhaps years later.
  const expiresInSeconds = wanted === undefined ? (isCard ? null : TOKEN_SECONDS.default) : wanted;
  const { token: text, digest } = isCard ? await secrets.newCard() : await secrets.newToken();
  const expiresAt = expiresInSeconds === null ? null : by.at + expiresInSeconds * 1000;
  const token = { id: crypto.randomUUID(), user, name, scope, expiresAt };
  const made = must(await directory.ask((directory) => directory.createToken(by, token, digest)));
  return json<NewToken>({ ...representToken(made), token: text }, 201);
};

export const revokeToken: Handler = async (request, { directory, by }) => {
  const id = pathParam(request, "token") ?? "";
  must(await directory.askOnce((directory) => directory.revokeToken(by, id)));
  return noContent();
};

export const listSessions: Handler = async (_, { directory, principal, by }) => {
  const sessions = await directory.ask((directory) => directory.sessions(principal.user, by.at));
  return json<SessionList>({ sessions: sessions.map(representSession) });
};

export const endSession: Handler = async (request, { directory, principal, by }) => {
  const ids = [pathParam(request, "session") ?? ""];
  const ended = await directory.ask((directory) => directory.endSessions(by, principal.user, ids));
  if (ended === 0) throw registryProblem({ code: "unknown-session" });
  return noContent();
};

export const endAllSessions: Handler = async (_, { directory, principal, by }) => {
  await directory.ask((directory) => directory.endSessions(by, principal.user));
  return noContent();
};

export const listInvitations: Handler = async (request, { registry, by }) => {
  const { ask } = await registryOfUser(request, { registry });
  const list = await ask((user) => user.invitations());
  return json<InvitationList>({ invitations: list.map((each) => representInvitation(each, by.at)) });
};

export const createInvitation: Handler = async (request, context) => {
  const user = userParam(request);
  const wanted = await body(request, CreateInvitationRequest, MAX_INVITATION_BYTES);
  const { invitation, code, link } = must(await makeInvitation(context, user, wanted));
  return json<NewInvitation>({ ...representInvitation(invitation, context.by.at), code, link }, 201);
};

export const withdrawInvitation: Handler = async (request, { registry, by }) => {
  const { askOnce } = await registryOfUser(request, { registry });
  must(await askOnce((user) => user.withdraw(by, pathParam(request, "invitation") ?? "")));
  return noContent();
};
