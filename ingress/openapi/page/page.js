// HEAD and OPTIONS follow from the other methods and would bury them: the document has them, the page does not show them.
const HIDDEN = new Set(["head", "options"]);
const isShown = (operation) => !HIDDEN.has(operation.get("method"));
const shown = (tags) => tags.map((tag) => tag.update("operations", (operations) => operations.filter(isShown)));
const withoutHidden = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        taggedOperations: (original) => (...args) => shown(original(...args)),
      },
    },
  },
});

window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  plugins: [withoutHidden],
  // It would send the document to another host.
  validatorUrl: null,
});
