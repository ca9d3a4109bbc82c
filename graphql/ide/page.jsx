// GraphiQL for this API: `make graphiql` bundles it into graphiql.js and graphiql.css beside this file. The token stays in the page's memory.
import "graphiql/graphiql.css";
import React from "react";
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import { createGraphiQLFetcher } from "@graphiql/toolkit";

const socket = location.origin.replace(/^http/, "ws") + "/graphql";
const fetcher = createGraphiQLFetcher({ url: "/graphql", subscriptionUrl: socket });
const question = `# Ask with a token: below, in Headers, {"Authorization": "Bearer <token>"}
{
  head
}
`;
createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={question}
    defaultHeaders={'{"Authorization": "Bearer "}'}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders={false}
  />,
);
