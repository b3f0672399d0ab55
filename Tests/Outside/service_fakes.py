"""Local fakes of the services that presets are for: what each wants of a request, and how it answers.

They know what docs/destinations.md and the services' documentation say: paths, required keys, limits in the unit that
the service counts, the body of a success, the ways of a 429, a revoked hook, and a rejected body.
"""

import dataclasses
import json
import re
import typing

TOKEN = "token-of-a-webhook-0123456789"


def as_json(status, value, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


def as_text(status, text, **headers):
    return status, {"Content-Type": "text/plain", **headers}, text.encode()


@dataclasses.dataclass
class Service:
    """What a fake does; each answer is (status, headers, body)."""

    path: str
    # Gives what the service would complain about in a body; nothing where it takes it.
    faults: typing.Callable
    success: tuple
    revoked: tuple
    rejected: tuple
    # Seconds that the 429 asks for, and the 429.
    wait: float
    limited: tuple
    query: str = ""
    method: str = "POST"
    # Further keys of the destination, as the documentation tells people to write them.
    keys: dict = dataclasses.field(default_factory=dict)
    header: tuple = ()


def utf16(text):
    return len(text.encode("utf-16-le")) // 2


def only(value, *keys):
    """Complaints about members that the service does not know."""
    return [f"unknown {key}" for key in value if key not in keys]


def slack(body):
    faults = only(body, "text", "blocks", "attachments")
    faults += ["no_text"] * (not body.get("text")) + ["msg_too_long"] * (len(body["text"]) > 35_000)
    blocks = body.get("blocks", []) + [block for a in body.get("attachments", []) for block in a.get("blocks", [])]
    faults += ["too many blocks"] * (len(blocks) > 50)
    for block in blocks:
        texts = [block["text"]] if block["type"] == "section" else block["elements"]
        for text in texts:
            faults += ["invalid_blocks"] * (text["type"] not in ("mrkdwn", "plain_text") or not 0 < len(text["text"]) <= 3000)
    return faults


def discord(body):
    faults = only(body, "content", "embeds", "allowed_mentions")
    faults += ["mentions"] * (body.get("allowed_mentions") != {"parse": []})
    faults += ["content"] * (len(body.get("content", "")) > 2000) + ["empty"] * (not body.get("embeds"))
    total = 0
    for embed in body["embeds"]:
        faults += only(embed, "title", "description", "color", "timestamp")
        title, description = embed["title"], embed.get("description", "-")
        total += len(title) + len(description)
        faults += ["title"] * (not 0 < len(title) <= 256) + ["description"] * (not 0 < len(description) <= 4096)
        faults += ["color"] * (not isinstance(embed["color"], int) or not 0 <= embed["color"] < 1 << 24)
        faults += ["timestamp"] * (not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", embed["timestamp"]))
    return faults + ["sum"] * (total > 6000) + ["embeds"] * (len(body["embeds"]) > 10)


def teams(body):
    faults = ["too large"] * (len(json.dumps(body).encode()) > 21_000)
    faults += ["type"] * (body["type"] != "message")
    [attachment] = body["attachments"]
    card = attachment["content"]
    faults += ["contentType"] * (attachment["contentType"] != "application/vnd.microsoft.card.adaptive")
    faults += ["card"] * (card["type"] != "AdaptiveCard" or card["$schema"] != "http://adaptivecards.io/schemas/adaptive-card.json")
    for element in card["body"]:
        texts = [element["text"]] if element["type"] == "TextBlock" else [run["text"] for run in element["inlines"]]
        faults += ["text"] * (not all(texts)) + ["element"] * (element["type"] not in ("TextBlock", "RichTextBlock"))
    return faults


def mattermost(body):
    faults = only(body, "text", "attachments") + ["text"] * (not 0 < len(body["text"]) <= 16_383)
    return faults + ["attachment"] * any(len(a["text"]) > 16_383 or not a["fallback"] for a in body["attachments"])


def googlechat(body):
    return only(body, "text") + ["text"] * (not 0 < len(body["text"].encode()) <= 4096)


def telegram(body):
    faults = only(body, "chat_id", "text", "parse_mode", "link_preview_options")
    faults += ["chat not found"] * (body["chat_id"] != -1001234567890)
    text = re.sub(r"</?(?:b|code)>", "", body["text"])
    faults += ["can't parse entities"] * bool(re.search(r"[<>]|&(?!(?:lt|gt|amp|quot|#39);)", text))
    return faults + ["message is too long"] * (not 0 < utf16(text) <= 4096)


def hubspot(body):
    properties = body["properties"]
    faults = only(body, "properties", "associations") + ["hs_timestamp"] * (not isinstance(properties["hs_timestamp"], int))
    faults += ["hs_call_status"] * (properties["hs_call_status"] not in ("COMPLETED", "NO_ANSWER", "CANCELED"))
    faults += ["hs_call_duration"] * (not isinstance(properties["hs_call_duration"], int))
    return faults + ["hs_call_body"] * (len(properties["hs_call_body"]) > 65_536)


def salesforce(body):
    faults = only(body, "Subject", "Status", "TaskSubtype", "CallType", "CallDurationInSeconds", "ActivityDate",
                  "Description", "WhoId")
    faults += ["Subject"] * (len(body["Subject"]) > 255) + ["Description"] * (len(body["Description"]) > 32_000)
    return faults + ["ActivityDate"] * (not re.fullmatch(r"\d{4}-\d\d-\d\d", body["ActivityDate"]))


def pipedrive(body):
    faults = only(body, "subject", "type", "due_date", "due_time", "duration", "done", "note", "deal_id", "participants")
    faults += ["due_date"] * (not re.fullmatch(r"\d{4}-\d\d-\d\d", body["due_date"]))
    faults += ["time"] * (not all(re.fullmatch(r"\d\d:\d\d", body[key]) for key in ("due_time", "duration")))
    faults += ["person_id"] * any(not isinstance(p["person_id"], int) for p in body.get("participants", []))
    return faults + ["subject"] * (not 0 < len(body["subject"]) <= 255)


def zoho(body):
    [record] = body["data"]
    faults = only(record, "Subject", "Call_Type", "Call_Start_Time", "Call_Duration", "Description", "Who_Id")
    faults += ["Call_Type"] * (record["Call_Type"] not in ("Inbound", "Outbound", "Missed"))
    faults += ["Call_Duration"] * (record["Call_Type"] == "Inbound" and not re.fullmatch(r"\d\d+:\d\d", record["Call_Duration"]))
    faults += ["Subject"] * (len(record["Subject"]) > 255)
    return faults + ["time"] * (not re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}[+]00:00", record["Call_Start_Time"]))


def automation(body):
    return [key for key in ("id", "receivedAt", "summary") if not isinstance(body[key], str)]


BEARER = {"auth": {"bearer": {"credential": "crm-token"}}}
PERSON = {"$eval": "tracking['person']"}
SERVICES = {
    "slack": Service(
        f"/services/T0/B0/{TOKEN}", slack, as_text(200, "ok"), as_text(404, "no_service"), as_text(400, "invalid_payload"),
        2, as_text(429, "rate_limited", **{"Retry-After": "2"})),
    "discord": Service(
        f"/api/webhooks/1/{TOKEN}", discord, as_json(200, {"id": "1", "type": 0, "content": ""}),
        as_json(404, {"message": "Unknown Webhook", "code": 10015}),
        as_json(400, {"code": 50035, "errors": {"embeds": ["0"]}, "message": "Invalid Form Body"}),
        2.4, as_json(429, {"message": "You are being rate limited.", "retry_after": 2.4, "global": False},
                     **{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "2.4", "X-RateLimit-Bucket": "b"}),
        query="wait=true"),
    "teams": Service(
        f"/workflows/1/triggers/manual/paths/invoke?api-version=2016-06-01&sig={TOKEN}", teams, (202, {}, b""),
        as_json(404, {"error": {"code": "WorkflowNotFound"}}),
        as_json(400, {"error": {"code": "TriggerInputSchemaMismatch"}}), 2, (429, {"Retry-After": "2"}, b"")),
    "mattermost": Service(
        f"/hooks/{TOKEN}", mattermost, as_text(200, "ok"), as_json(404, {"id": "web.incoming_webhook.invalid.app_error"}),
        as_json(400, {"id": "web.incoming_webhook.text.app_error", "message": "No text specified"}),
        2, as_text(429, "limit exceeded", **{"Retry-After": "2", "X-Ratelimit-Reset": "1"})),
    "googlechat": Service(
        f"/v1/spaces/AAAA/messages?key=k&token={TOKEN}", googlechat, as_json(200, {"name": "spaces/AAAA/messages/1"}),
        as_json(404, {"error": {"code": 404, "status": "NOT_FOUND"}}),
        as_json(400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}),
        2, as_json(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, **{"Retry-After": "2"}),
        query="requestId={id}"),
    "telegram": Service(
        f"/bot1:{TOKEN}/sendMessage", telegram, as_json(200, {"ok": True, "result": {"message_id": 1}}),
        as_json(403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was kicked from the group chat"}),
        as_json(400, {"ok": False, "error_code": 400, "description": "Bad Request: message text is empty"}),
        3, as_json(429, {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 3",
                         "parameters": {"retry_after": 3}}),
        keys={"with": {"chat_id": -1001234567890, "zone": "Europe/Athens"}}),
    "hubspot-call": Service(
        "/crm/v3/objects/calls", hubspot, as_json(201, {"id": "1", "properties": {}}),
        as_json(401, {"status": "error", "category": "INVALID_AUTHENTICATION"}),
        as_json(400, {"status": "error", "category": "VALIDATION_ERROR"}),
        2, as_json(429, {"status": "error", "category": "RATE_LIMITS", "policyName": "TEN_SECONDLY_ROLLING"},
                   **{"Retry-After": "2"}),
        keys={"with": {"contact": PERSON}}, header=("Authorization", "Bearer a-token-of-hubspot")),
    "salesforce-task": Service(
        "/services/data/v68.0/sobjects/Task/Relay_Id__c/${id}", salesforce, as_json(201, {"id": "1", "success": True}),
        as_json(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]),
        as_json(400, [{"errorCode": "REQUIRED_FIELD_MISSING"}]), 2, as_json(429, [], **{"Retry-After": "2"}),
        method="PATCH", keys={**BEARER, "with": {"who": PERSON}}, header=("Authorization", "Bearer a-token-of-a-crm")),
    "pipedrive-activity": Service(
        "/api/v2/activities", pipedrive, as_json(201, {"success": True, "data": {"id": 1}}),
        as_json(401, {"success": False, "error": "unauthorized access"}),
        as_json(400, {"success": False, "error": "Validation failed"}),
        2, as_json(429, {"success": False}, **{"retry-after": "2", "x-daily-requests-left": "9"}),
        keys={"with": {"person_id": PERSON}}, header=("x-api-token", "a-token-of-pipedrive")),
    "zoho-call": Service(
        "/crm/v8/Calls", zoho, as_json(201, {"data": [{"code": "SUCCESS", "status": "success"}]}),
        as_json(401, {"code": "INVALID_TOKEN", "status": "error"}),
        as_json(202, {"data": [{"code": "INVALID_DATA", "status": "error"}]}), 2, as_json(429, {}, **{"Retry-After": "2"}),
        keys={**BEARER, "with": {"who": PERSON}}, header=("Authorization", "Bearer a-token-of-a-crm")),
    "zapier": Service(
        f"/hooks/catch/1/{TOKEN}/", automation, as_json(200, {"status": "success", "id": "1", "attempt": "1"}),
        as_json(410, {"status": "gone"}), (413, {}, b""), 2, as_json(429, {}, **{"Retry-After": "2"})),
    "make": Service(
        f"/{TOKEN}", automation, as_text(200, "Accepted"), as_text(410, "There is no scenario listening for this webhook."),
        as_text(400, "Invalid JSON"), 2, as_text(429, "Too many requests", **{"Retry-After": "2"})),
    "n8n": Service(
        f"/webhook/{TOKEN}", automation, as_json(200, {"message": "Workflow was started"}),
        as_json(403, {"code": 403, "message": "Authorization data is wrong!"}), as_json(413, {"message": "too large"}),
        2, as_json(429, {}, **{"Retry-After": "2"})),
}
CREDENTIALS = {"hubspot-token": "a-token-of-hubspot", "pipedrive-token": "a-token-of-pipedrive", "crm-token": "a-token-of-a-crm"}
