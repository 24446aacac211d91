"""A client of botocore, AWS's library below boto3: it signs requests, and finds credentials where AWS's tools do."""

from typing import Any

import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from chatserver_plugins.s3.config import Bucket, Config

CONNECT_SECONDS = 10.0
MISSING = ("404", "NoSuchKey", "NoSuchVersion", "NotFound")


def make_client(bucket: Bucket, config: Config, threads: int, read_seconds: float) -> Any:
    """A client for a bucket, used by so many threads. Takes a moment: call it in a thread.

    A server that is silent for `read_seconds` is asked once more.
    """
    session = botocore.session.Session(profile=bucket.profile or None)
    if config.credentials_file:
        session.set_config_variable("credentials_file", config.credentials_file)
    return session.create_client(
        "s3",
        region_name=bucket.region or ("us-east-1" if bucket.endpoint else None),
        endpoint_url=bucket.endpoint or None,
        aws_access_key_id=config.access_key or None,
        aws_secret_access_key=config.secret_key or None,
        verify=config.ca_file or None,
        config=ClientConfig(
            connect_timeout=min(CONNECT_SECONDS, read_seconds),
            read_timeout=read_seconds,
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=threads,
            # Not every service knows the checksums that botocore adds by itself.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if bucket.endpoint else "auto"},
        ),
    )


def code_of(error: ClientError) -> str:
    """The code of a service's refusal; "" without one."""
    return str(error.response.get("Error", {}).get("Code", ""))


def text_of(error: ClientError) -> str:
    """A service's refusal for operators."""
    found = error.response.get("Error", {})
    return f"{error.operation_name}: {found.get('Code', '?')}: {found.get('Message', '')}".rstrip(
        ": "
    )
