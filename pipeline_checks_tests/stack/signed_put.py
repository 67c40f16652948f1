"""A conditional PUT to an S3 API, signed (AWS signature version 4), with the standard library."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

from pipeline_checks.model import clock


def put_if_absent(settings: Mapping[str, str], path: str, body: bytes) -> int:
    """PUT ``body`` with ``If-None-Match: *`` and return the status: 200 when created, 412 when it was there."""
    host = urlsplit(settings["S3_ENDPOINT"]).netloc
    stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
    content = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "if-none-match": "*", "x-amz-content-sha256": content, "x-amz-date": stamp}
    names = ";".join(headers)
    request = "\n".join(("PUT", path, "", *(f"{k}:{v}" for k, v in headers.items()), "", names, content))
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{settings['S3_SECRET_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={settings['S3_ACCESS_KEY']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("PUT", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
