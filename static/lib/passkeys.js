/** Asks the browser for passkeys (WebAuthn), with options and answers in their JSON form. No DOM. */

export const canUsePasskeys = () => Boolean(globalThis.PublicKeyCredential && globalThis.navigator?.credentials);

// Names of the browser's errors, https://www.w3.org/TR/webauthn-3/#sctn-create-request-exceptions
const REASONS = {
  AbortError: "passkey.cancelled",
  NotAllowedError: "passkey.cancelled",
  TimeoutError: "passkey.cancelled",
  InvalidStateError: "passkey.there",
  SecurityError: "passkey.elsewhere",
  ConstraintError: "passkey.device",
  NotReadableError: "passkey.device",
  NotSupportedError: "passkey.device",
};

/** The key of the text that says why a browser's call failed. */
export function passkeyProblem({ name }) {
  return Object.hasOwn(REASONS, name) ? REASONS[name] : "passkey.failed";
}

/**
 * Has the person make or use a passkey, as the `data` of a step's field says; returns the answer's JSON. Rejects as
 * the browser's call does. `signal` ends it.
 */
export async function passkeyAnswer({ create, get }, signal) {
  const { credentials } = navigator;
  const made = create
    ? await credentials.create({ publicKey: creation(create), signal })
    : await credentials.get({ publicKey: request(get), signal });
  return JSON.stringify(shown(/** @type {PublicKeyCredential} */ (made)));
}

function creation(options) {
  const { challenge, user, excludeCredentials = [] } = options;
  return {
    ...options,
    challenge: bytes(challenge),
    user: { ...user, id: bytes(user.id) },
    excludeCredentials: excludeCredentials.map(described),
  };
}

function request(options) {
  const { challenge, allowCredentials = [] } = options;
  return { ...options, challenge: bytes(challenge), allowCredentials: allowCredentials.map(described) };
}

function described(credential) {
  return { ...credential, id: bytes(credential.id) };
}

/** As `toJSON` of a credential, which not all browsers have. */
function shown({ id, rawId, type, authenticatorAttachment, response }) {
  const given = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) {
    given.attestationObject = text(response.attestationObject);
    given.transports = response.getTransports?.() ?? [];
  } else {
    given.authenticatorData = text(response.authenticatorData);
    given.signature = text(response.signature);
    if (response.userHandle) given.userHandle = text(response.userHandle);
  }
  return { id, rawId: text(rawId), type, authenticatorAttachment, clientExtensionResults: {}, response: given };
}

/** Bytes of a base64url text, and back. */
export function bytes(encoded) {
  const plain = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

export function text(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
