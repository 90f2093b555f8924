// People who sign in with the identity provider.
import type { User } from "../../contract/answers.ts";
import {
  AdmitPersonRequest,
  EditUserRequest,
  type Identity,
  type IdentityList,
  type WaitingPersonList,
} from "../../contract/people.ts";
import { err, ok } from "../../domain/general/result.ts";
import { body, type Handler, json, must, noContent, pathParam, userParam } from "../handler.ts";
import { representIdentity, representUser, representWaitingPerson } from "../represent.ts";

export const editUser: Handler = async (request, { directory, by }) => {
  const user = userParam(request);
  const changes = await body(request, EditUserRequest);
  return json<User>(
    representUser(must(await directory.ask((directory) => directory.editUser(by, user, changes)))),
  );
};

export const listIdentities: Handler = async (request, { directory }) => {
  const id = userParam(request);
  const user = await directory.ask((directory) => directory.user(id));
  must(user === null ? err({ code: "unknown-user" }) : ok(user));
  const identities = await directory.ask((directory) => directory.identities(id));
  return json<IdentityList>({ identities: identities.map(representIdentity) });
};

export const unbindIdentity: Handler = async (request, { people, by }) => {
  must(await people.unbind(by, userParam(request), pathParam(request, "identity") ?? ""));
  return noContent();
};

export const listWaitingPeople: Handler = async (_, { directory }) => {
  const people = await directory.ask((directory) => directory.waitingPeople());
  return json<WaitingPersonList>({ waitingPeople: people.map(representWaitingPerson) });
};

export const admitPerson: Handler = async (request, { directory, by }) => {
  const { user } = await body(request, AdmitPersonRequest);
  const id = pathParam(request, "person") ?? "";
  const identity = must(await directory.askOnce((directory) => directory.admitPerson(by, id, user)));
  return json<Identity>(representIdentity(identity));
};

export const dismissPerson: Handler = async (request, { directory, by }) => {
  const id = pathParam(request, "person") ?? "";
  must(await directory.askOnce((directory) => directory.dismissPerson(by, id)));
  return noContent();
};
