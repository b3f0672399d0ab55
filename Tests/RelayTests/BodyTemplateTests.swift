import JSON
import JSONTemplates
import Relay
import Testing

/// What a destination's `body` makes of an event.
@Suite struct BodyTemplateTests {
    static let event =
        #"{"link": "@acme.sales", "duration": 183, "resolution": "answered", "timestamp": 1598615831871, "#
        + #""tracking": {"customer_id": "14810"}, "origin": "web", "platform-x": 1, "title": "mine"}"#

    private func render(_ body: String, format: BodyFormat = .json, event: String = event) throws -> OutgoingRequest {
        let delivery = Fixture.delivery(body: event)
        return try RequestBuilder.request(
            for: delivery, to: Fixture.destination(templates: try Fixture.templates(body, format)), now: .at(0))
    }

    private func text(_ body: String, format: BodyFormat = .json, event: String = event) throws -> String {
        String(decoding: try render(body, format: format, event: event).body, as: UTF8.self)
    }

    private func failure(_ body: String, format: BodyFormat = .json, event: String = event) -> String {
        do throws(TemplateFailure) {
            let delivery = Fixture.delivery(body: event)
            guard let templates = try? Fixture.templates(body, format) else { return "no template" }
            _ = try RequestBuilder.request(for: delivery, to: Fixture.destination(templates: templates), now: .at(0))
            return "rendered"
        } catch { return error.text }
    }

    @Test(arguments: [
        (#""${title(resolution)} call on ${link}""#, #""Answered call on @acme.sales""#),
        (
            #"{"a": {"$eval": "[location, user, account, waitingTime, assignedUsers]"}}"#,
            #"{"a":[null,null,null,null,[]]}"#
        ),
        (#"{"$if": "'x' in tracking", "then": 1, "else": 2}"#, "2"),
        (#"{"a": {"$if": "'x' in tracking", "then": 1}, "b": 2}"#, #"{"b":2}"#),
        (
            #"{"$eval": "[id, source, receivedAt, routes]"}"#,
            #"["evt_00000000000000010000000000000001","gruveo",1700000000000,["all"]]"#
        ),
        (#"{"$eval": "[origin, event.origin, event['platform-x'], title]"}"#, #"["web","web",1,"mine"]"#),
        (#"{"$eval": "event['nothing']"}"#, "null"),
        (
            #""${title('a b')} ${iso8601(timestamp)} ${duration(duration)}""#,
            #""A B 2020-08-28T11:57:11.871Z 3 min 3 s""#
        ),
        (#""${date(timestamp, 'EEE dd MMM yyyy, HH:mm:ss', 'UTC')}""#, #""Fri 28 Aug 2020, 11:57:11""#),
        (#""${sha256('abc')}""#, #""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#),
        (
            #""${default(location, '', 'unknown')} ${urlencode('a b')} ${mrkdwn('<a>')} ${html('\"')}""#,
            #""unknown a%20b &lt;a&gt; &quot;""#
        ),
        (
            #""${markdown('*a*')} ${truncate(link, 5)} ${json(tracking)}""#,
            #""\\*a\\* @acm… {\"customer_id\":\"14810\"}""#
        ),
    ])
    func templateSeesTheEventAndTheFunctions(body: String, expected: String) throws {
        #expect(try text(body) == expected)
    }

    @Test func numbersLeaveAsTheyCame() throws {
        let event = #"{"serial": 123456789012345678901234567890, "waitingTime": 1.0}"#
        #expect(
            try text(#"{"a": {"$eval": "serial"}, "b": {"$eval": "waitingTime"}}"#, event: event)
                == #"{"a":123456789012345678901234567890,"b":1.0}"#)
    }

    @Test func textOfTheEventIsNeverEvaluated() throws {
        let event = #"{"link": "${1 + 1} $${x} \" \r\n \u0000 \u202e", "tracking": {"$eval": "1", "${link}": "a"}}"#
        #expect(
            try text(#"{"a": "${link}", "b": {"$eval": "tracking"}}"#, event: event)
                == "{\"a\":\"${1 + 1} $${x} \\\" \\r\\n \\u0000 \u{202e}\",\"b\":{\"$eval\":\"1\",\"${link}\":\"a\"}}")
    }

    @Test func eventCannotTakeAFunctionOrOurNamesAway() throws {
        let event = #"{"id": "mine", "event": 1, "source": 2, "now": "then", "len": 3, "default": 4, "tracking": null}"#
        #expect(
            try text(#"{"$eval": "[id, source, len(routes), default(null, 'a'), event.id, tracking]"}"#, event: event)
                == #"["evt_00000000000000010000000000000001","gruveo",1,"a","mine",{}]"#)
        #expect(try text(#""${now}""#, event: event) == #""2023-11-14T22:13:20.000Z""#)
    }

    /// A documented field of another type counts as missing; `event` still has it.
    @Test(arguments: [
        (#""user": "x""#, "user", "null"), (#""user": ["x"]"#, "user", "null"),
        (#""user": {"name": {}, "email": "a@b", "id": [7]}"#, "user", #"{"email":"a@b","id":[7]}"#),
        (#""user": {"name": 7}"#, "user", #"{"name":7}"#), (#""user": {"name": null}"#, "user", #"{"name":null}"#),
        (#""tracking": []"#, "tracking", "{}"), (#""tracking": "a=b""#, "tracking", "{}"),
        (#""tracking": {"a": [1], "b": 2, "c": null}"#, "tracking", #"{"b":2,"c":null}"#),
        (#""duration": "abc""#, "duration", "null"), (#""duration": -1"#, "duration", "null"),
        (#""duration": 1e300"#, "duration", "null"), (#""waitingTime": {}"#, "waitingTime", "null"),
        (#""timestamp": "yesterday""#, "timestamp", "null"), (#""timestamp": 1e15"#, "timestamp", "null"),
        (#""timestamp": 1e999"#, "timestamp", "null"), (#""timestamp": true"#, "timestamp", "null"),
        (#""link": ["a"]"#, "link", "null"), (#""link": 5"#, "link", "5"), (#""resolution": {}"#, "resolution", "null"),
        (#""location": false"#, "location", "false"), (#""account": 5"#, "account", "null"),
        (#""assignedUsers": "x""#, "assignedUsers", "[]"), (#""assignedUsers": {"name": "x"}"#, "assignedUsers", "[]"),
        (#""assignedUsers": ["x", null, {"name": "y", "email": []}]"#, "assignedUsers", #"[{"name":"y"}]"#),
        (#""user": "x""#, "event.user", #""x""#), (#""origin": [1]"#, "origin", "[1]"),
    ])
    func fieldOfAnotherTypeCountsAsMissing(member: String, expression: String, expected: String) throws {
        #expect(try text("{\"$eval\": \"\(expression)\"}", event: "{\(member)}") == expected)
    }

    @Test func formIsAFlatObject() throws {
        let request = try render(#"{"a b": "x&y=ü ", "n": {"$eval": "duration"}, "t": true, "z": null}"#, format: .form)
        #expect(String(decoding: request.body, as: UTF8.self) == "a+b=x%26y%3D%C3%BC+&n=183&t=true&z=")
        #expect(request.headers.first == OutgoingRequest.Header("Content-Type", "application/x-www-form-urlencoded"))
    }

    @Test func textIsSentAsItIs() throws {
        let request = try render(#""${link}\n""#, format: .text)
        #expect(String(decoding: request.body, as: UTF8.self) == "@acme.sales\n")
        #expect(request.headers.first == OutgoingRequest.Header("Content-Type", "text/plain; charset=utf-8"))
    }

    @Test(arguments: [
        (#"{"a": [1, "${link.x}"]}"#, BodyFormat.json, #"body.a[1]: infix: . expects objects"#),
        (
            #"{"a": {"$if": "true", "then": {"$eval": "tracking.deal"}}}"#, .json,
            #"body.a: object has no property "deal""#
        ),
        (#""${locaton}""#, .json, "body: unknown context value locaton"),
        (#""${event['platform-x'].y}""#, .json, "body: infix: . expects objects"),
        (#"{"$if": "false", "then": 1}"#, .json, #"body: the body as a whole is left out: give it an "else""#),
        (#"[1]"#, .form, "body: with the format form the result must be an object, not a list"),
        (
            #"{"a": {"$eval": "tracking"}}"#, .form,
            "body: with the format form each value must be a text, a number, true, false or null, and that of "
                + #""a" is an object"#
        ),
        (#"{"$eval": "duration"}"#, .text, "body: with the format text the result must be a string, not a number"),
        (
            #""${date(timestamp, 'yyyy', 'Mars/Base')}""#, .json,
            "body: invalid arguments to builtin: date: there is no time zone 'Mars/Base': write one like Europe/Athens"
        ),
    ])
    func failureNamesThePlace(body: String, format: BodyFormat, expected: String) {
        #expect(failure(body, format: format) == "the template fails at \(expected)")
    }

    @Test(arguments: [("[1]", "the event is no JSON object"), ("{", "the event cannot be read: ")])
    func eventThatIsNoObjectFails(event: String, expected: String) {
        #expect(failure("1", event: event).hasPrefix("the template fails at the event: \(expected)"))
    }

    @Test func signatureIsOverTheRenderedBody() throws {
        let signer = try Fixture.signer()
        let rendered = Fixture.destination(signer: signer, templates: try Fixture.templates(#""${link}""#, .text))
        let plain = Fixture.destination(signer: signer)
        func signature(_ body: String, _ destination: Destination) throws -> String? {
            try RequestBuilder.request(for: Fixture.delivery(body: body), to: destination, now: .at(0))
                .headers.last?.value
        }
        #expect(try signature(Self.event, rendered) == signature("@acme.sales", plain))
        #expect(try signature(Self.event, rendered) != signature(Self.event, plain))
    }

    @Test func anotherBodyIsAnotherDestination() throws {
        func destination(_ body: String, _ format: BodyFormat = .json) throws -> Destination {
            Fixture.destination(templates: try Fixture.templates(body, format))
        }
        #expect(try destination("{\"a\": 1}").isReached(like: destination("{ \"a\":1 }")))
        #expect(try !destination("{\"a\": 1}").isReached(like: destination("{\"a\": 2}")))
        #expect(try !destination("\"a\"").isReached(like: destination("\"a\"", .text)))
        #expect(try !destination("1").isReached(like: Fixture.destination()))
    }
}
