// The one door to @peculiar/x509: it asks for reflect-metadata to be there first.
import "reflect-metadata";

export * from "@peculiar/x509";
