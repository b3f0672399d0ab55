"""Routes files, good and bad: one complete file, and what a person may do to each of its keys."""

import copy
import json

GONE = object()

SOURCE = {
    "path": "/webhooks/gruveo",
    "keys": [{"credential": "no-such-key", "label": "new", "encoding": "hex", "prefix": "a"}],
    "dedupe": "24h", "maxBody": 262144, "maxAge": "2d",
}
DESTINATION = {
    "url": "https://crm.example.com/api/calls", "method": "PUT",
    "headers": {"X-Team": "sales", "X-Api-Key": {"env": "NO_SUCH_KEY", "prefix": "Bearer ", "encoding": "text"}},
    "body": {"text": "call on ${link}"}, "format": "json",
    "auth": {"basic": {"user": "relay", "password": {"file": "no-such-file"}}},
    "sign": {"scheme": "hmac", "header": "X-Signature", "prefix": "v1=", "encoding": "base64",
             "keys": [{"credential": "no-such-key"}]},
    "timeout": "5s", "retry": {"schedule": ["5s", "5m", "30m"], "for": "24h"}, "concurrency": 1, "rate": "30/m", "ordered": True,
    "outcomes": {"404": "dead", "409": "delivered", "5xx": "retry", "503": "held",
                 "400": [{"when": "body == 'Queue is full'", "outcome": "retry"}]},
    "success": "body == 'ok'", "retryAfter": "json.retry_after",
    "tls": {"ca": "internal-ca.pem", "certificate": "relay.pem", "key": "relay-key.pem"},
    "allowPrivate": ["10.0.0.0/8"],
}
ROUTE = {"name": "sales", "from": ["gruveo"], "match": {"link": ["@acme.sales"]}, "to": ["crm"]}
LIMITS = {"retention": "3650d", "freeSpace": 268435456, "backlog": 100000, "drain": "10s"}
FILE = {
    "$schema": "./routes.schema.json",
    # Without dedupe, which would keep the retention above it.
    "sources": {"gruveo": {key: value for key, value in SOURCE.items() if key != "dedupe"}},
    "destinations": {"crm": DESTINATION}, "routes": [ROUTE], "limits": LIMITS,
}
PIECES = {"source": SOURCE, "destination": DESTINATION, "route": ROUTE, "file": FILE}

# What a person might put where another kind of value belongs.
KINDS = {"null": None, "boolean": True, "number": 7, "string": "some text", "list": ["some text"],
         "object": {"some": "text"}}

SECRET = {"credential": "no-such-key"}
OAUTH2 = {"grant": "client_credentials", "tokenUrl": "https://a/token", "clientId": "a", "clientSecret": SECRET}
LABEL_63, NAME_63 = "l" * 63, "n" * 63


def long_duration():
    """Good and bad spellings of 1 s to 3650 d."""
    good = ["1s", "00015s", "315360000s", "5256000m", "87600h", "3650d", "99999999s"]
    bad = ["0s", "315360001s", "5256001m", "87601h", "3651d", "400000000s", "99999999999999999999s", "-1s", "1.5h",
           "15", "s", "", "15S", "1h30m", " 15s", "15s ", "15s\n", "1e3s", "15 s", "1w", "+1s", "١s"]
    return good, bad


def secret(label=False):
    """Good and bad references to a secret."""
    good = [{"env": "A_1"}, {"file": "/a b/ü"}, {"credential": "c" * 255}, {"credential": "...!~"},
            {"env": "_", "encoding": "text"}, {"env": "A", "prefix": ""}, {"env": "A", "prefix": "\ta ~"}]
    bad = [{}, {"encoding": "hex"}, {"env": "A", "file": "a"}, {"env": "A", "credential": "a"},
           {"env": "A", "file": "a", "credential": "a"}, {"env": "1A"}, {"env": ""}, {"env": "A-B"}, {"env": "A\n"},
           {"env": "Ä"}, {"env": 1}, {"env": None}, {"env": ["A"]}, {"file": ""}, {"file": "a\nb"},
           {"file": "a\x7f"}, {"file": "f" * 4096}, {"file": 1}, {"credential": ""}, {"credential": "."},
           {"credential": ".."}, {"credential": "a/b"}, {"credential": "a b"}, {"credential": "ä"},
           {"credential": "c" * 256}, {"credential": {}}, {"env": "A", "encoding": "HEX"},
           {"env": "A", "encoding": 1}, {"env": "A", "prefix": "a\nb"}, {"env": "A", "prefix": "ä"},
           {"env": "A", "prefix": 1}, {"env": "A", "key": "b"}, {"evn": "A"}]
    labels = [{**SECRET, "label": "l"}, {**SECRET, "label": LABEL_63}, {**SECRET, "label": "a ~"}]
    if label:
        return good + labels, bad + [{**SECRET, "label": text} for text in ("", "l" * 64, "ä", "a\n", 1, None)]
    return good, bad + labels


def urls():
    """Good and bad URLs; none of them private."""
    good = ["https://a", "HTTPS://A.example:8443/x?y=1&z[]='", "http://a.example.", "http://a_b-c.example:65535?x",
            "http://8.8.8.8:80/", "http://[2606:4700::1111]:00080/x", "http://[2606:4700:1:2:3:4:5:6]",
            "http://[2606:4700:1:2:3:4:8.8.8.8]/", "http://a.0b/", "http://1.example", "http://a/@:~|`^]",
            f"http://{'a' * 63}.example", "http://" + ".".join(["a" * 63] * 3 + ["a" * 62]) + "/",
            "http://[2606:4700:1:2:3:4:5::]/", "https://a/${link}", "https://a?x=${default(link, 'ä b')}&y=",
            "https://a/${ {'a': '}#'}.a }/$"]
    bad = ["", "a.example", "ftp://a", "https:/a", "https://", "https:///x", "https://a b", "https://a/\n",
           "https://a/x\n", "https://ä.example", "https://a/ä", "https://a/#b", "https://a#b", "https://a/?x#",
           "https://u:p@a/", "https://u@a", "https://a/{x}", 'https://a/"', "https://a/<", "https://a\\b",
           "https://a:0", "https://a:65536", "https://a:", "https://a:x", "https://a:99999999999", "https://a..b",
           "https://.a", "https://a..", f"https://{'a' * 64}.example", "https://1.2.3", "https://2130706433",
           "https://0x7f.1", "https://a.0x1", "https://a.1", "https://8.8.8.256", "https://8.8.8.08",
           "https://a.1.", "https://[::g]", "https://[1:2:3:4:5:6:7]", "https://[1:2:3:4:5:6:7:8:9]",
           "https://[1::2::3]", "https://[2606:1:2:3:4:5:6::8]", "https://[1:2:3:4:5:6::8.8.8.8]",
           "https://[::1%25lo]", "https://[2606::1", "https://[2606::1]x", "https://[8.8.8.8]", "https://a!b",
           "http://" + ".".join(["a" * 63] * 3 + ["a" * 63]) + "/", " https://a", "https://a:80:80", "https://[]",
           "https://[2606:::1]", "https://[:2606::1]", "https://[2606::1:]", "https://[2606::12345]",
           "https://${link}", "https://a.${link}/", "https://a:${duration}/", "${link}", "https://u:${link}@a/"]
    return good, bad


HEADERS_REFUSED = [
    "", "a b", "ä", "a:", "a\n", "Host", "hOST", "Content-Length", "transfer-encoding", "Connection", "Expect",
    "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "Webhook-Id", "WEBHOOK-TIMESTAMP",
    "webhook-signature", "Relay-Attempt", "relay-destination", "Relay-Replay", "Relay-Original-Id",
]
HEADERS_TAKEN = ["a", "!#$%&'*+.^_`|~-9Z", "Content-Type", "Hosts", "X-Host", "Authorizations", "Date"]


def statuses():
    good = [{}] + [{key: "dead"} for key in ("200", "299", "599", "2xx", "5xx")] + [
        {"200": word} for word in ("delivered", "retry", "dead", "held")] + [
        {key: [{"when": "status == 200", "outcome": "dead"}] * count} for key in ("200", "5xx") for count in (1, 2, 100)]
    bad = [{key: "dead"} for key in ("199", "600", "1xx", "6xx", "20", "2000", "2x", "xxx", "2XX", "4x4", "", "200\n")]
    return good, bad + [{"200": value} for value in (
        "Dead", "", None, 1, True, {}, ["dead"], [], CASE, [CASE] * 101, [CASE, "dead"], [[CASE]], [{}],
        [{"when": "true"}], [{"outcome": "dead"}], [{**CASE, "then": "dead"}], [{**CASE, "outcome": "Dead"}],
        [{**CASE, "outcome": [CASE]}], [{**CASE, "when": ""}], [{**CASE, "when": True}], [{**CASE, "when": None}])]


CASE = {"when": "status == 400", "outcome": "retry"}
EXPRESSIONS = ["true", "status == 200", "body == 'ok'", "json['ok']", "'a' in headers", "!(1 in [2])"]


def oauth2():
    """Good and bad settings of OAuth 2."""
    refresh = {**OAUTH2, "grant": "refresh_token", "refreshToken": SECRET}
    good = [OAUTH2, refresh, {**refresh, "scope": "a", "clientAuth": "basic", "scheme": "Bearer"}]
    bad = [{key: value for key, value in refresh.items() if key != left_out} for left_out in refresh]
    bad += [{**OAUTH2, "refreshToken": SECRET}, {**OAUTH2, "audience": "a"}, {**OAUTH2, "token": SECRET}]
    values = {
        "grant": ([], ["password", "authorization_code", "", 1, None]),
        "tokenUrl": (["http://a/", "https://a:8443/b?c=d"], ["", "a", "ftp://a", "https://u:p@a", SECRET, 1, None]),
        "clientId": (["a b", "~", SECRET, {"env": "A"}], ["", "ä", "a\n", "\x7f", 1, None, {}]),
        "clientSecret": ([{"env": "A"}], ["plain", {}, 1, None, [SECRET]]),
        "scope": (["a b", "ZohoCRM.modules.ALL,ZohoCRM.settings.ALL", "!#[]~"],
                  ["", " a", "a ", "a  b", "a\n", "ä", 'a"', "a\\", 1, ["a"], None]),
        "clientAuth": (["body"], ["Basic", "post", "", 1, None]),
        "scheme": (["Zoho-oauthtoken", "OAuth"], ["", "a b", "a:", "ä", "a\n", 1, None]),
    }
    for key, (right, wrong) in values.items():
        good += [{**OAUTH2, key: value} for value in right]
        bad += [{**OAUTH2, key: value} for value in wrong]
    return good, bad + [{**refresh, "refreshToken": value} for value in ("plain", {}, None)]


# For each key of the complete file: its place, the kinds of value that belong there, other good values, bad ones.
KEYS = [
    ("file", "$schema", "string", ["", "x"], []),
    ("file", "sources", "object", [{"gruveo": SOURCE, name: {**SOURCE, "path": "/b"}} for name in (NAME_63, "0._-")],
     [{}] + [{"gruveo": SOURCE, name: {**SOURCE, "path": "/b"}}
             for name in ("", "A", ".a", "n" * 64, "a b", "ä", "b\n")]),
    ("file", "destinations", "object", [{"crm": DESTINATION, NAME_63: {"url": "https://a"}, "0._-": {"url": SECRET}}],
     [{"crm": DESTINATION, name: DESTINATION} for name in ("", "CRM", "-a", "_a", "n" * 64, "a/b", "ä", "a\n")]),
    ("file", "routes", "list", [[]], [[None], [[]], [ROUTE, "x"]]),
    ("file", "limits", "object", [{}], []),
    ("file", "limits.retention", "string", ["1s", "315360000s"], ["0s", "315360001s", "3651d", "", "7"]),
    ("file", "limits.freeSpace", "number", [0, 2 ** 53], [-1, 2 ** 53 + 1, 1.5, 10 ** 30]),
    ("file", "limits.backlog", "number", [1, 10 ** 9], [0, -1, 10 ** 9 + 1, 0.5]),
    ("file", "limits.drain", "string", ["0s", "000d", "0h", "0m", "600s", "10m", "001m"],
     ["601s", "11m", "1h", "1d", "", "10", "10s\n", "-1s"]),
    ("source", "path", "", ["/", "/a.b/...", "/..a", "/healthz/", "/a//b", "/!$%&'()*+,-.:;=@[]_~", "/" + "a" * 1023],
     ["", "a", "/a b", "/a?b", "/a#b", "/ä", "/a\n", "/.", "/..", "/a/../b", "/a/./b", "/a/..", "/./a", "/healthz",
      "/" + "a" * 1024] + [f"/a{mark}b" for mark in "\"<>\\^`{|}\x7f"]),
    ("source", "keys", "", [[SECRET], [SECRET, {"env": "B"}]], [[], [SECRET, "plain"]]),
    ("source", "keys.0", "", *secret(label=True)),
    ("source", "keys.0.label", "string", [], []),
    ("source", "keys.0.encoding", "", ["text", "base64"], ["b64"]),
    ("source", "keys.0.prefix", "string", [], []),
    ("source", "dedupe", "", [*long_duration()[0], False], long_duration()[1]),
    ("source", "maxBody", "number", [1, 16777216], [0, -5, 16777217, 2.5, "262144"]),
    ("source", "maxAge", "", *long_duration()),
    ("destination", "url", "", *urls()),
    ("destination", "url", "", *secret()),
    ("destination", "preset", "", ["hubspot-call", "zapier"], ["", "Slack", "a b", "-a", "a" * 64, "slack\n"]),
    ("destination", "with", "object", [{"a": {"$eval": "1"}, "b": None}], []),
    ("destination", "query", "object", [{"wait": "true", "a.b_c~d-0": "${id}-x"}, {"a": "${tracking['a']}${id}"}],
     [{"": "a"}, {"a b": "c"}, {"a=": "c"}, {"ä": "c"}, {"a": ""}, {"a": "b c"}, {"a": "b&c"}, {"a": "${ {'b': 1}.b }"},
      {"a": "$"}, {"a": "{id}"}, {"a": "}"}, {"a": 1}, {"a": None}, {"a": "%20"}, {"a": "b\n"}]),
    ("destination", "method", "", ["POST", "PATCH", "GET", "DELETE"], ["post", "HEAD", "OPTIONS", "", "PUT "]),
    ("destination", "headers", "object", [{}] + [{name: "x"} for name in HEADERS_TAKEN],
     [{name: "x"} for name in [*HEADERS_REFUSED, "X-Gruveo-SHA256-HMAC", "x-hub-signature-256", "Authorization",
                               "aUTHORIZATION"]]),
    ("destination", "headers.X-Team", "string", ["a\tb ~", "${link} $${ {"], ["", "a\n", "a\r\nb", "\0", "ä", "\x7f", "x\n"]),
    ("destination", "headers.X-Api-Key", "string", *secret()),
    ("destination", "body", "null boolean number string list object",
     [{"$if": "duration > 60", "then": 1}, "${title(resolution)}", {"$$if": 1}, {"a": [{"$eval": "link"}]}], []),
    ("destination", "format", "", ["form", "text"], ["JSON", "", "xml"]),
    ("destination", "auth", "", [{"bearer": SECRET}],
     [{}, {"bearer": SECRET, "basic": {"user": "a", "password": SECRET}}, {"bearer": "token"}, {"bearer": {}},
      {"oauth2": {}}, {"bearer": SECRET, "oauth2": OAUTH2}, {"Bearer": SECRET}]),
    ("destination", "auth", "", [{"oauth2": value} for value in oauth2()[0]],
     [{"oauth2": value} for value in oauth2()[1]]),
    ("destination", "auth.basic", "", [],
     [{}, {"user": "a"}, {"password": SECRET}, {"user": "a", "password": SECRET, "realm": "b"}]),
    ("destination", "auth.basic.user", "string", ["", "ü", "a b"], ["a:b", "a\n", "\x7f"]),
    ("destination", "auth.basic.user", "string", *secret()),
    ("destination", "auth.basic.password", "", *secret()),
    ("destination", "sign", "", [
        {"scheme": "gruveo", "keys": [SECRET]}, {"scheme": "github", "keys": [SECRET]},
        {"scheme": "standard-webhooks", "keys": [SECRET, {"env": "B"}]},
        {"scheme": "slack", "keys": [SECRET]}, {"scheme": "slack", "keys": [SECRET, {"env": "B"}]},
        {"scheme": "hmac", "header": "X-Gruveo-SHA256-HMAC", "keys": [SECRET]},
    ], [
        {}, {"scheme": "gruveo"}, {"keys": [SECRET]}, {"scheme": "hmac", "keys": [SECRET]},
        {"scheme": "gruveo", "keys": [SECRET, {"env": "B"}]}, {"scheme": "github", "keys": [SECRET, {"env": "B"}]},
        {"scheme": "hmac", "header": "X-A", "keys": [SECRET, {"env": "B"}]},
        {"scheme": "gruveo", "keys": [SECRET], "header": "X-A"}, {"scheme": "github", "keys": [SECRET], "prefix": ""},
        {"scheme": "slack", "keys": [SECRET], "prefix": "v0="}, {"scheme": "slack", "keys": []},
        {"scheme": "standard-webhooks", "keys": [SECRET], "encoding": "hex"}, {"scheme": "v1a", "keys": [SECRET]},
    ]),
    ("destination", "sign.scheme", "", [], ["HMAC", "", "standardwebhooks", "v1a"]),
    ("destination", "sign.keys", "", [], [[], ["plain"], [{**SECRET, "label": "a"}]]),
    ("destination", "sign.keys.0", "", *secret()),
    ("destination", "sign.header", "string", [name for name in HEADERS_TAKEN if name != "Content-Type"],
     [*HEADERS_REFUSED, "Content-Type", "content-TYPE", "Authorization", "authorization"]),
    ("destination", "sign.prefix", "string", ["", "\ta ~"], ["a\n", "ä", "\0"]),
    ("destination", "sign.encoding", "", ["hex"], ["text", "Base64", ""]),
    ("destination", "timeout", "", ["1s", "600s", "10m", "01m"],
     ["0s", "0m", "601s", "11m", "1h", "1d", "", "15", "15s\n", "-1s", "1.5s"]),
    ("destination", "retry", "object", [{}, {"schedule": []}, {"for": "1s"}], []),
    ("destination", "retry.schedule", "", [[], ["1s"] * 100, ["2592000s", "43200m", "720h", "30d", "999999s"]],
     [["1s"] * 101, ["0s"], ["2592001s"], ["43201m"], ["721h"], ["31d"], [5], [None], [["5s"]], "5s", ["5s\n"]]),
    ("destination", "retry.for", "", ["1s", "7776000s", "129600m", "2160h", "90d"],
     ["0s", "7776001s", "129601m", "2161h", "91d", ""]),
    # Above 1 it is refused beside `ordered`.
    ("destination", "concurrency", "", [], [0, -1, 2, 1000, 1001, 1.5, "8"]),
    ("destination", "ordered", "boolean", [False], ["true", 1, 0]),
    ("destination", "rate", "", ["1/s", "10000/m", "100/h", "010/s"],
     ["0/s", "10001/s", "99999999999999999999/s", "10", "10/", "/s", "10/d", "10/S", "10/ms", "10 /s", "10/s ", "10/s\n",
      "-1/s", "+1/s", "1.5/s", "1e2/s", "", "١/s", "10s"]),
    ("destination", "outcomes", "", *statuses()),
    ("destination", "success", "string", EXPRESSIONS, ["", True]),
    ("destination", "retryAfter", "string", ["1", "json.retry_after", "number(headers['x'])"], ["", 5]),
    ("destination", "tls", "", [{}, {"ca": "a"}, {"certificate": "a"}], [{"key": "a"}, {"ca": "a", "key": "b"}]),
    ("destination", "tls.ca", "string", ["/ä b"], ["", "a\n", "a\tb"]),
    ("destination", "tls.certificate", "string", [], ["", "f" * 4096]),
    ("destination", "tls.key", "string", [], ["", "\0"]),
    ("destination", "allowPrivate", "", [[], ["127.0.0.0/8"], ["10.1.2.3/32", "192.168.0.0/16"], ["::1/128"],
                                         ["fd00::/8", "fc00:1:2::/48", "fd00:0:0:0:0:0:0:1/128"]],
     [["10.0.0.0"], ["10.0.0.0/33"], ["10.0.0.0/08"], ["010.0.0.0/8"], ["10.0.0/8"], ["10.0.0.256/32"], ["::1/129"],
      ["::1"], ["fd00:/8"], ["fd00::g/128"], ["10.0.0.0/"], ["/8"], [""], ["10.0.0.0/8 "], ["10.0.0.0/8\n"],
      ["a.example"], [10], [None], ["fd00::%1/128"], ["10.0.0.0/-1"]]),
    ("route", "name", "string", ["n" * 200, "ü ☎", "\u2028"], ["", "n" * 201, "a\n", "\0", "a\x7f", "\x85", "\x9f"]),
    ("route", "match", "", [{}, "otherwise"], ["", "Otherwise", "otherwise ", "all"]),
    ("route", "to", "", [], [[], [1], [None], [["crm"]], "crm", ["CRM!"]]),
    ("route", "from", "", [], [[], [1], [{"gruveo": 1}], "gruveo"]),
]

# One alternative of a field, good and bad.
OPERANDS = {
    "prefix": (["", "a", {"equals-ignore-case": ""}], [["a"], [], 1, None, True, {}, {"prefix": "a"},
               {"equals-ignore-case": ["a"]}, {"equals-ignore-case": 1}, {"equals-ignore-case": "a", "prefix": "b"}]),
    "suffix": (["", "a", {"equals-ignore-case": "A"}], [["a"], 1, None, False, {}, {"wildcard": "a"},
               {"equals-ignore-case": None}]),
    "equals-ignore-case": (["", "É"], [["a"], 1, None, True, {}, {"prefix": "a"}]),
    "wildcard": (["", "*", "a*b*c", "\\*", "\\\\", "*\\**", "\\\\*", "a\n*"],
                 ["**", "a**", "*\\***", "\\", "a\\b", "\\\\\\", "*\\", ["*"], 1, None, {}]),
    "numeric": ([["=", 5], ["<", 5], ["<=", -1.5], [">", 0], [">=", 1e300], [">", 0, "<", 1], [">=", 0, "<=", 1],
                 [">", -1, "<=", 1e9], ["=", 1.7976931348623157e308]],
                [[], ["="], [5], ["==", 5], ["!=", 5], ["=", "5"], ["=", None], [5, "="], ["=", 5, "<", 9],
                 ["<", 9, ">", 1], [">", 1, ">", 2], ["<", 1, "<", 2], [">", 1, "<"], [">", 1, "<", 2, "<", 3],
                 [">", 1, "=", 2], "=5", 5, {}, None, True, ["=", True], ["=", [5]], ["<", 1, "<=", 5],
                 [">", "1", "<", 2], [">", 1, "<", "2"]]),
    "exists": ([True, False], ["true", 1, 0, None, [], [True], {}]),
    "anything-but": (["", "a", 5, -1.5, ["a"], ["a", "b"], [1, 2.5], {"prefix": "a"}, {"prefix": ["a", "b"]},
                      {"suffix": "a"}, {"suffix": ["a"]}, {"equals-ignore-case": ""},
                      {"equals-ignore-case": ["", "b"]}, {"wildcard": ""}, {"wildcard": ["*", "b"]}],
                     [None, True, False, [], ["a", 1], [None], [True], [["a"]], {}, {"prefix": ""}, {"suffix": ""},
                      {"prefix": []}, {"prefix": ["a", ""]}, {"suffix": []}, {"suffix": [""]}, {"suffix": [1]},
                      {"prefix": 1}, {"prefix": ["a", 1]}, {"prefix": {"equals-ignore-case": "a"}},
                      {"equals-ignore-case": []}, {"equals-ignore-case": 1}, {"equals-ignore-case": [1]},
                      {"wildcard": "**"}, {"wildcard": ["*", "**"]}, {"wildcard": []}, {"wildcard": "\\a"},
                      {"prefix": "a", "suffix": "b"}, {"numeric": ["=", 1]}, {"exists": True},
                      {"cidr": "10.0.0.0/8"}, {"anything-but": "a"}]),
    "cidr": (["10.0.0.0/8", "010.1.2.3/031", "0.0.0.0/0", "1.2.3.4/000", "::/0", "2001:DB8::/32", "::1/127",
              "1:2:3:4:5:6:7:8/099", "1:2:3:4:5:6:1.2.3.4/64", "::1.2.3.4/64", "1:2:3:4:5:6:7::/64",
              "::2:3:4:5:6:7:8/64", "1:2:3::6:7:8/64", "1::2:3:4:5:6.7.8.9/1", "1::3:4:5:6:7:8/9"],
             ["10.0.0.0", "10.0.0.0/32", "10.0.0.0/", "/8", "10.0.0.0/0008", "10.0.0/8", "10.0.0.256/8",
              "10.0.0.0.0/8", "::1/128", "::1/999", "1:2:3:4:5:6:7/64", "1:2:3:4:5:6:7:8:9/64", "1::2::3/64",
              ":::/64", ":1::/64", "1::2:/64", "12345::/64", "g::/64", "1:2:3:4::5:6:7:8/64", "::1%lo/64", "a/8",
              "1::2:3:4:5:6:7.8.9.1/1", "1.2.3.4::/64", "10.0.0.0/8\n", "10.0.0.0/-1", "10.0.0.0/8/8", "", 8, None,
              ["10.0.0.0/8"], {}]),
}
ALTERNATIVES = (
    ["", "a", 5, -1.5e300, True, False, None],
    [[], ["a"], {}, {"Prefix": "a"}, {"prefx": "a"}, {"prefix": "a", "suffix": "b"}, {"exists": True, "x": 1},
     {"equals": "a"}, {"$or": []}])
PATTERNS = (
    [{"a": {"b": ["x"]}}, {"a.b": ["x"]}, {"": ["x"]}, {"prefix": ["x"]}, {"a": {"prefix": ["x"]}},
     {"$or": [{"a": ["x"]}, {"b": ["x"]}]}, {"a": {"$or": [{"b": ["x"]}, {"c": ["x"]}]}},
     {"$or": [{"a": ["x"], "$or": [{"b": [1]}, {"c": [1]}]}, {"user": {"name": ["x"]}}]}, {"c": ["x"], "user": {
         "$or": [{"name": ["x"]}, {"email": {"x": [None]}}]}}, {"$OR": [1, 2]}, {"a": {"cidr": {"prefix": ["x"]}}}],
    [{"a": {}}, {"a": []}, {"a": "x"}, {"a": 1}, {"a": None}, {"a": True}, {"a": {"b": {}}}, {"a": {"b": "x"}},
     {"a": {"prefix": "x"}}, {"link": "@acme"}, {"link": {}}, {"resolution": []}, {"user": {"name": "x"}},
     {"$or": []}, {"$or": [{"a": ["x"]}]}, {"$or": {"a": ["x"]}}, {"$or": "x"}, {"$or": None},
     {"$or": [{"a": ["x"]}, {}]}, {"$or": [{"a": ["x"]}, "b"]}, {"$or": [{"a": ["x"]}, {"prefix": ["b"]}]},
     {"a": {"$or": {"b": ["x"], "c": ["x"]}}}, {"a": {"$or": "x"}}, {"$or": [{"a": ["x"]}, {"b": "x"}]},
     {"$or": [{"a": ["x"]}, ["b"]]}, {"a": {"$or": [{"b": ["x"]}]}}, {"a": {"$or": [{"b": ["x"]}, {"exists": [1]}]}},
     {"a": {"$or": [{"b": ["x"]}, {"c": {}}]}}])

FIELDS = ["timestamp", "maxParticipants", "duration", "link", "location", "resolution", "user", "tracking",
          "waitingTime", "account", "assignedUsers"]

# Keys that the product describes and this release refuses.
NOT_YET = [
    ("file", "alerts", {"url": "https://a"}),
]
REQUIRED = {
    "source": {"path", "keys", "keys.0.credential"}, "route": {"name", "match", "to"},
    "destination": {"url", "body", "auth.basic", "auth.basic.user", "auth.basic.password", "auth.basic.password.file",
                    "headers.X-Api-Key.env", "sign.scheme", "sign.header", "sign.keys", "sign.keys.0.credential",
                    "tls.certificate", "outcomes.400.0.when", "outcomes.400.0.outcome"},
    "file": {"sources"},
}
# Names that the operator chooses: every other one is as good.
CHOSEN = {"body.text", "headers.X-Team", "headers.X-Api-Key", "outcomes.400", "outcomes.404", "outcomes.409", "outcomes.5xx",
          "outcomes.503"}


def changed(piece, place, value):
    """A copy of the piece with another value at the place, or without it."""
    copied = copy.deepcopy(PIECES[piece])
    above, _, last = place.rpartition(".")
    holder = at(copied, above)
    last = int(last) if isinstance(holder, list) else last
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return copied


def at(value, place):
    """What stands at a place."""
    for step in place.split(".") if place else ():
        value = value[int(step) if isinstance(value, list) else step]
    return value


def places(value, prefix=""):
    """Every key below a value, as places; elements of lists by their index."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(value, dict):
            yield f"{prefix}{key}"
        yield from places(inner, f"{prefix}{key}.")


def cases():
    """Each case: kind of piece, what was done to it, the piece (or a file's text), whether it is good."""
    for piece, value in PIECES.items():
        yield piece, "as it is", value, True
        for kind, sample in KINDS.items():
            yield piece, f"it is a {kind}", json.dumps(sample) if piece == "file" else sample, False
        yield from renamed_and_removed(piece, value)
    for piece, place, kinds, good, bad in KEYS:
        for kind, sample in KINDS.items():
            if kind not in kinds.split():
                yield piece, f"{place} is a {kind}", changed(piece, place, sample), False
        for ok, values in ((True, good), (False, bad)):
            for value in values:
                yield piece, f"{place} is {value!r:.80}", changed(piece, place, value), ok
    for piece, place, value in NOT_YET:
        yield piece, f"{place} is not supported yet", changed(piece, place, value), False
    yield from patterns()


def renamed_and_removed(piece, value):
    for place in places(value):
        if piece == "file" and place.startswith(("sources.", "destinations.", "routes.")) or place in CHOSEN or \
                piece == "route" and place.startswith("match."):
            continue
        # A route that names a destination would be left alone: one of the differences below.
        if place != "destinations":
            yield piece, f"without {place}", changed(piece, place, GONE), place not in REQUIRED[piece]
        above, _, key = place.rpartition(".")
        misspelt = changed(piece, place, GONE)
        at(misspelt, above)[key + "x"] = at(value, place)
        yield piece, f"{place} misspelt", misspelt, False


def patterns():
    good, bad = PATTERNS
    good = good + [{field: value} for field in FIELDS for value in (["x"], {"x": [5]})]
    bad = bad + [{field: value} for field in FIELDS for value in ("x", [], {}, [[]])]
    bad = bad + [{"$or": [{"a": ["x"]}, {operator: ["x"]}]} for operator in OPERANDS]
    for ok, matches in ((True, good), (False, bad)):
        for match in matches:
            yield "route", f"match is {match}", {**ROUTE, "match": match}, ok
    good, bad = ALTERNATIVES
    for ok, values in ((True, good), (False, bad)):
        for value in values:
            yield "route", f"alternative {value}", {**ROUTE, "match": {"a": [value]}}, ok
    for operator, (good, bad) in OPERANDS.items():
        for ok, values in ((True, good), (False, bad)):
            for value in values:
                match = {"tracking": {"a": ["x", {operator: value}]}}
                yield "route", f"{operator}: {value!r}", {**ROUTE, "match": match}, ok
    for text, ok in (("1e400", True), ('{"numeric": ["=", 1e400]}', False), ('{"numeric": ["=", -1e400]}', False),
                     ('{"anything-but": 1e400}', False), ('{"anything-but": [1, -1e400]}', False)):
        yield "file", f"alternative {text}", TEXT.replace('"@acme.sales"', text), ok


def whole(piece, value):
    """The complete file with one piece put in."""
    return {"source": {**FILE, "sources": {"gruveo": value}}, "destination": {**FILE, "destinations": {"crm": value}},
            "route": {**FILE, "routes": [value]}, "file": value}[piece]


def together(piece, values):
    """One file with many pieces of a kind, and the paths at which `check` reports their faults. What has to be
    unique is made so."""
    if piece == "source":
        named = {f"s{n}": own(value, "path", SOURCE, f"/s{n}") for n, value in enumerate(values)}
        return {**FILE, "sources": {"gruveo": SOURCE, **named}}, [f"sources.{name}" for name in named]
    if piece == "destination":
        named = {f"d{n}": value for n, value in enumerate(values)}
        return {**FILE, "destinations": {"crm": DESTINATION, **named}}, [f"destinations.{name}" for name in named]
    routes = [own(value, "name", ROUTE, f"route {n}") for n, value in enumerate(values)]
    return {**FILE, "routes": routes}, [f"routes[{n}]" for n in range(len(routes))]


def own(value, key, base, unique):
    return {**value, key: unique} if isinstance(value, dict) and value.get(key) == base[key] else value


def route(**changes):
    return {**FILE, "routes": [{**ROUTE, **changes}]}


def destination(**changes):
    return {**FILE, "destinations": {"crm": {**DESTINATION, **changes}}}


def source(**changes):
    return {**FILE, "sources": {"gruveo": {**SOURCE, **changes}}}


def alternatives(count):
    return [{f"f{n}": [1]} for n in range(count)]


def nested(depth):
    return {"a": [1]} if depth == 0 else {"a": nested(depth - 1)}


TEXT = json.dumps(FILE)
# All that `check` refuses and the schema cannot; docs/configuration.md has the same names with the reasons.
DIFFERENCES = {
    "Templates": [
        destination(body={"text": "${link"}), destination(body={"$if": "a", "thn": 1}), destination(body={"$unknown": 1}),
        destination(body=[{"$eval": "1 +"}]), destination(headers={"X-A": "${"}), destination(url="https://a/${link"),
        destination(url="https://a/${link}#b"), destination(url="https://a/$${link}")],
    "Presets": [
        destination(preset="slakc"), destination(preset="slack", **{"with": {"zone": "UTC"}}), destination(preset="telegram"),
        {**FILE, "destinations": {"crm": {"preset": "slack"}}}],
    "Names that are not there": [
        route(to=["crm", "crn"]), route(**{"from": ["gruvo"]}), changed("file", "destinations", GONE)],
    "What stands once": [
        {**FILE, "routes": [ROUTE, ROUTE]}, {**FILE, "sources": {"gruveo": SOURCE, "b": SOURCE}},
        source(keys=[{"env": "A", "label": "a"}, {"env": "B", "label": "a"}]), source(keys=[SECRET, SECRET]),
        destination(headers={"X-A": "1", "x-a": "1"}), destination(headers={"x-signature": "1"}),
    ],
    "One value beside another": [
        {**source(dedupe="2h"), "limits": {"retention": "1h"}}, route(match={"a": [{"numeric": [">", 5, "<", 5]}]}),
        route(match={"a": [{"numeric": [">=", 6, "<=", 5]}]}),
    ],
    "Networks": [
        destination(url="http://10.0.0.5/", allowPrivate=[]), destination(url="http://localhost/", allowPrivate=[]),
        destination(url="http://169.254.1.1/"), destination(url="http://[::1]/", allowPrivate=[]),
        destination(allowPrivate=["8.8.8.0/24"]), destination(allowPrivate=["0.0.0.0/0"]),
        destination(allowPrivate=["10.0.0.5/8"]), destination(allowPrivate=["fe80::/10"]),
        destination(auth={"oauth2": {**OAUTH2, "tokenUrl": "http://127.0.0.1/"}}),
    ],
    "Bytes": [route(name="ü" * 101), destination(tls={"ca": "ü" * 2048}), source(keys=[{"file": "ü" * 2048}])],
    "Whole numbers": [source(maxBody=5.0), destination(concurrency=1e0), {**FILE, "limits": {"backlog": 1e3}}],
    "Fields that meet": [
        route(match={"a": {"b": [1]}, "a.b": [2]}), route(match={"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}),
        route(match={"$or": alternatives(1001)}),
        route(match={"$or": alternatives(40), "x": {"$or": alternatives(40)}}),
    ],
    "Strict JSON": [
        TEXT.replace('"routes":', '"routes": [], "routes":'), TEXT.replace('"@acme.sales"', '"\ud800"'),
        TEXT.replace('"@acme.sales"', '"x", NaN'), json.dumps(route(match=nested(70))),
    ],
    "Expressions": [
        destination(success="body = 'ok'"), destination(success=" "), destination(retryAfter="json."),
        destination(outcomes={"400": [{"when": "some text", "outcome": "retry"}]}),
    ],
    "Secrets": [source(keys=[{"env": "A_SHORT_KEY"}]), destination(url={"env": "A_SHORT_KEY"})],
}
