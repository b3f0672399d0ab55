import JSON
import Relay
import Testing

/// Templates in header values and in a URL's path and query, read from a routes file as an operator writes it.
@Suite struct RequestTemplateTests {
    private func destination(_ members: String) throws -> Destination {
        let text = """
            {"sources": {"gruveo": {"path": "/in", "keys": [{"env": "KEY"}]}}, "routes": [],
             "destinations": {"crm": {\(members)}}}
            """
        let (configuration, findings) = RoutesFile.load(Array(text.utf8), directory: "/etc") { _ in
            .success(SecretContent(Array("a secret ${link} of a length".utf8)))
        }
        #expect(findings.filter { $0.severity == .error } == [])
        return try #require(configuration?.destinations["crm"])
    }

    private func request(_ members: String, event: String) throws -> OutgoingRequest {
        try RequestBuilder.request(
            for: Fixture.delivery(body: event), to: destination(members), now: Fixture.start)
    }

    private func url(_ template: String, _ event: String) throws -> String {
        try request(#""url": "\#(template)""#, event: event).url
    }

    private func header(_ value: String, _ event: String) throws -> String? {
        let made = try request(#""url": "https://a.example/", "headers": {"X-Call": "\#(value)"}"#, event: event)
        return made.headers.first { $0.name == "X-Call" }?.value
    }

    @Test(arguments: [
        (
            #"https://a.example/calls/${tracking.id}?link=${link}&x=1"#,
            #"{"tracking": {"id": "7"}, "link": "@acme.sales"}"#,
            "https://a.example/calls/7?link=%40acme.sales&x=1"
        ),
        (
            "https://a.example/${link}/x", #"{"link": "a/../b?c#d&e=%2F ü\u0000\r\n\u202e"}"#,
            "https://a.example/a%2F..%2Fb%3Fc%23d%26e%3D%252F%20%C3%BC%00%0D%0A%E2%80%AE/x"
        ),
        ("https://a.example?q=${link}", "{}", "https://a.example?q="),
        ("https://a.example/${link}?x", #"{"link": "${1}"}"#, "https://a.example/%24%7B1%7D?x"),
        ("https://a.example/x${link}y", #"{"link": ".."}"#, "https://a.example/x..y"),
    ])
    func valuesInAURLAreEncoded(template: String, event: String, expected: String) throws {
        #expect(try url(template, event) == expected)
    }

    @Test(arguments: [
        ("{}", "a part of the path would be empty"), (#"{"link": ""}"#, "a part of the path would be empty"),
        (#"{"link": ".."}"#, #"a part of the path would be "." or "..""#),
        (#"{"link": "."}"#, #"a part of the path would be "." or "..""#),
        (#"{"link": [1]}"#, "a part of the path would be empty"),
    ])
    func eventCannotLeadToAnotherPath(event: String, expected: String) throws {
        #expect { try url("https://a.example/calls/${link}/notes", event) } throws: {
            ($0 as? TemplateFailure)?.text == "the template fails at url: \(expected)"
        }
    }

    @Test func aValueOfQueryFailsAtItsOwnPlace() throws {
        let text = #""url": "https://a.example/${link}", "query": {"a": "${link}", "who": "${user.name}"}"#
        #expect {
            try RequestBuilder.request(
                for: Fixture.delivery(body: #"{"link": "x"}"#), to: try destination(text), now: Fixture.start)
        } throws: {
            ($0 as? TemplateFailure)?.text == "the template fails at query.who: infix: . expects objects"
        }
    }

    /// One text of a template has 20,000 tokens at most; each value is one of its own.
    @Test func valuesOfQueryAreRenderedHoweverManyThereAre() throws {
        let long = String(repeating: "'',", count: 9000)
        let values = ["a", "b", "c"].map { "\"\($0)\": \"${default(\(long)link)}\"" }.joined(separator: ", ")
        let destination = try destination(#""url": "https://a.example/?x=1", "query": {\#(values)}"#)
        let request = try RequestBuilder.request(
            for: Fixture.delivery(body: #"{"link": "&"}"#), to: destination, now: Fixture.start)
        #expect(request.url == "https://a.example/?x=1&a=%26&b=%26&c=%26")
    }

    @Test func encodedDotsAreDotsToo() throws {
        #expect(throws: TemplateFailure.self) { try url("https://a.example/%2E${link}/x", #"{"link": "."}"#) }
    }

    @Test func urlIsShownUpToItsHost() throws {
        let destination = try destination(#""url": "https://a.example/T0/0123456789abcdef/${link}""#)
        let masked = try RequestBuilder.masked(
            for: Fixture.delivery(body: #"{"link": "a"}"#), to: destination, now: Fixture.start)
        #expect(masked.url == "https://a.example/…")
        #expect(destination.secrets.contains(Array("0123456789abcdef".utf8)))
    }

    @Test(arguments: [
        ("call ${link}, ${duration(duration)}", #"{"link": "ü${1}", "duration": 61}"#, "call ü${1}, 1 min 1 s"),
        ("$${link}", "{}", "${link}"), ("$5", "{}", "$5"), ("{link}", "{}", "{link}"), ("a\\tb${link}", "{}", "a\tb"),
    ])
    func headersAreRendered(value: String, event: String, expected: String) throws {
        #expect(try header(value, event) == expected)
    }

    @Test func emptyHeaderIsLeftOut() throws {
        #expect(try header("${link}", "{}") == nil)
    }

    @Test(arguments: [#"\r\nX-Evil: 1"#, #"\n"#, #"\r"#, #"\u0000"#, #"\u001b[2J"#, #"\u007f"#])
    func controlCharacterInAHeaderIsAFailure(text: String) throws {
        #expect { try header("${link}", #"{"link": "a\#(text)"}"#) } throws: {
            ($0 as? TemplateFailure)?.text
                == "the template fails at headers.X-Call: the value would hold a line break, NUL or another control "
                + "character"
        }
    }

    @Test func secretReferenceIsNeverATemplate() throws {
        let members = #""url": "https://a.example/", "headers": {"X-Call": {"env": "URL"}}"#
        #expect(try destination(members).templates.map { _ in true } == nil)
        let made = try request(members, event: #"{"link": "a"}"#)
        #expect(made.headers.last?.value == "a secret ${link} of a length")
    }

    @Test func whatIsMissingThereIsDeadUnlessTheFileSaysOtherwise() throws {
        func outcome(_ status: Int, _ members: String) throws -> Outcome {
            let response = Response(status: status, headers: [], body: [], isComplete: true)
            return OutcomePolicy.judge(.response(response), for: try destination(members), now: .at(0)).outcome
        }
        #expect(try outcome(404, #""url": "https://a.example/${link}""#) == .dead)
        #expect(try outcome(410, #""url": "https://a.example/${link}""#) == .dead)
        #expect(try outcome(404, #""url": "https://a.example/""#) == .held)
        #expect(try outcome(404, #""url": "https://a.example/${link}", "outcomes": {"4xx": "retry"}"#) == .retry)
        #expect(try outcome(410, #""url": "https://a.example/${link}", "outcomes": {"410": "held"}"#) == .held)
    }

    @Test func anotherTemplateIsAnotherDestination() throws {
        func destination(_ header: String) throws -> Destination {
            try self.destination(#""url": "https://a.example/", "headers": {"X-Call": "\#(header)"}"#)
        }
        #expect(try destination("${link}").isReached(like: destination("${link}")))
        #expect(try !destination("${link}").isReached(like: destination("${location}")))
    }

    @Test(arguments: [
        (
            "https://${link}.example/",
            "the URL holds a template before its path: scheme, host and port must stand there plainly"
        ),
        (
            "https://a.example:${duration}/",
            "the URL holds a template before its path: scheme, host and port must stand there plainly"
        ),
        ("${link}", "the URL holds a template before its path: scheme, host and port must stand there plainly"),
        (
            "${'https://a/'}/x",
            "the URL holds a template before its path: scheme, host and port must stand there plainly"
        ),
        (
            "https://a.example/{link}",
            "the URL holds a brace: write it as %7B or %7D (in a plain URL a template is ${…})"
        ),
        (
            "https://u:${link}@a.example/",
            "the URL holds a template before its path: scheme, host and port must stand there plainly"
        ),
    ])
    func templateInTheHostIsRefused(url: String, expected: String) {
        let found = messages(routesText(url: JSONSerializer.quoted(url)))
        #expect(found == ["error: destinations.crm.url: \(expected)"])
    }

    @Test func syntaxFaultsNameThePlaceAndWhatIsWrong() {
        let found = messages(
            routesText(
                destination: #""headers": {"X-Call": "${link"}, "body": {"a b": [{"$if": "x", "thn": 1}], "c": "${"}"#))
        #expect(found.count == 3)
        #expect(found.contains { $0.hasPrefix("error: destinations.crm.headers.X-Call: ") })
        #expect(found.contains { $0.hasPrefix(#"error: destinations.crm.body["a b"][0]: "#) })
        #expect(found.contains { $0.hasPrefix("error: destinations.crm.body.c: ") })
    }
}
