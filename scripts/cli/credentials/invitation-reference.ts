import type { Invitation } from "../../../src/contract/requests.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import { withUnknownUser } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { printable } from "../../terminal/text.ts";
import { userArgument } from "../command/arguments.ts";
import { findById, idArgument, type Kind, shortId } from "../command/id-reference.ts";

/** `alice/3f2a1b9c`: the user and the beginning of the id, as the list shows it. */
export function referenceToInvitation({ user, id }: Invitation): string {
  return `${printable(user)}/${shortId(id)}`;
}

/** Finds the invitation that the caller names: `alice/3f2a1b9c`, or its id alone; every user is asked then. */
export async function findInvitation(api: Api, reference: string): Promise<Invitation> {
  const slash = reference.indexOf("/");
  if (slash < 0) {
    const id = idArgument(reference, kind());
    return findById(await ofAllUsers(api, api.invitations), id, kind());
  }
  const user = userArgument(reference.slice(0, slash));
  const id = idArgument(reference.slice(slash + 1), kind(user));
  return findById(await invitationsOf(api, user), id, kind(user));
}

/** The invitations of a user who may not exist. */
export async function invitationsOf(api: Api, user: UserId): Promise<Invitation[]> {
  try {
    return await api.invitations(user);
  } catch (error) {
    throw withUnknownUser(error, user);
  }
}

function kind(user?: UserId): Kind<Invitation> {
  return {
    one: "invitation",
    many: "invitations",
    list: `${LATCHKEY} invitations${user === undefined ? "" : ` ${user}`}`,
    describe: ({ user, status }) => `${printable(user)}, ${status}`,
  };
}
