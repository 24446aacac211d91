"""A master key in AWS KMS, or in a service with its API: it never leaves there. Needs botocore."""

import asyncio
from typing import Any

import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from chatserver_plugins.vault.config import VaultConfig
from chatserver_plugins.vault.masters import MasterUnavailable, Wrapped, WrongMaster

PREFIX = "kms:"  # of the ids of these keys, before the ARN
CONTEXT = {
    "chatserver": "vault root key"
}  # the encryption context, which KMS authenticates and logs
WRONG = ("InvalidCiphertextException", "IncorrectKeyException")


class KmsMaster:
    """KMS tells by itself with which key a ciphertext was made, so it opens those of any key that it may use."""

    def __init__(self, config: VaultConfig) -> None:
        self._config = config
        self._client: Any = None

    def name(self) -> str:
        return f"the key {self._config.kms_key_id} in KMS (plugin.vault.kms_key_id)"

    def has(self, id: str) -> bool:
        return id.startswith(PREFIX)

    async def is_present(self, id: str) -> bool:
        if not self.has(id):
            return False
        found = await self._asked("describe_key", KeyId=self._config.kms_key_id)
        return bool(id == PREFIX + found["KeyMetadata"]["Arn"])

    async def wrap(self, key: bytes) -> Wrapped:
        given = {"KeyId": self._config.kms_key_id, "Plaintext": key, "EncryptionContext": CONTEXT}
        found = await self._asked("encrypt", **given)
        return Wrapped(PREFIX + found["KeyId"], found["CiphertextBlob"])

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        arn = wrapped.master.removeprefix(PREFIX)
        given = {"KeyId": arn, "CiphertextBlob": wrapped.data, "EncryptionContext": CONTEXT}
        found: bytes = (await self._asked("decrypt", **given))["Plaintext"]
        return found

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _asked(self, operation: str, **given: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = await asyncio.to_thread(self._ask, operation, given)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "?")
            text = error.response.get("Error", {}).get("Message", "")
            kind = WrongMaster if code in WRONG else MasterUnavailable
            raise kind(f"{operation}: {code}: {text}".rstrip(": ")) from None
        except BotoCoreError as error:
            raise MasterUnavailable(f"{operation}: {error}") from None
        return found

    def _ask(self, operation: str, given: dict[str, Any]) -> Any:
        config, seconds = self._config, self._config.timeout_seconds
        if self._client is None:  # takes a moment, so it is done in the thread
            self._client = botocore.session.Session().create_client(
                "kms",
                region_name=config.kms_region or ("us-east-1" if config.kms_endpoint else None),
                endpoint_url=config.kms_endpoint or None,
                verify=config.ca_file or None,
                config=ClientConfig(
                    connect_timeout=seconds,
                    read_timeout=seconds,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                ),
            )
        return getattr(self._client, operation)(**given)
