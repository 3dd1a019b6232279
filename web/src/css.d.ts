// A style sheet for a shadow root is text (build.mjs).
declare module "*.shadow.css" {
  const text: string;
  export default text;
}
