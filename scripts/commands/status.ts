import type { AddCommand } from "./shared/session.ts";
export const addStatus: AddCommand = () => undefined;
