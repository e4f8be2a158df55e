/**
 * A URL as it may be printed: without user and password, and without what looks like a key of an API, in its path
 * ("/v3/0123456789abcdef0123") or in its query.
 */
export function shownUrl(url: URL): string {
  const path = url.pathname.split("/").map((part) => (isKey(part) ? "..." : part));
  const query = [...url.searchParams.keys()].map((name) => `${encodeURIComponent(name)}=...`);
  return `${url.protocol}//${url.host}${path.join("/")}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}

/** What in a URL must not be printed, wherever it turns up again. */
export function secretsOf(url: URL): string[] {
  const keys = url.pathname.split("/").filter(isKey);
  return [url.username, url.password, ...keys, ...url.searchParams.values()].filter((text) => text !== "");
}

function isKey(part: string): boolean {
  return /^[\w-]{20,}$/.test(part);
}
