import Relay
import Signatures
import Testing

@Suite struct RequestBuilderTests {
    private func value(_ name: String, of headers: [OutgoingRequest.Header]) -> String? {
        let found = headers.filter { $0.name.lowercased() == name.lowercased() }
        #expect(found.count <= 1, "\(name) stands there \(found.count) times")
        return found.first?.value
    }

    @Test func requestCarriesTheBytesAndTheStableId() throws {
        let delivery = Fixture.delivery(bytes: 9, attempts: 2)
        let request = try RequestBuilder.request(for: delivery, to: Fixture.destination(), now: .at(0))
        #expect(request.method == "POST")
        #expect(request.url == "https://crm.example.com/secret")
        #expect(request.body == delivery.event.body)
        #expect(value("webhook-id", of: request.headers) == delivery.event.id.description)
        #expect(value("Relay-Attempt", of: request.headers) == "3")
        #expect(value("Relay-Destination", of: request.headers) == "crm")
        #expect(value("Content-Type", of: request.headers) == "application/json")
        #expect(value("Relay-Replay", of: request.headers) == nil)
        #expect(value("Relay-Original-Id", of: request.headers) == nil)
    }

    @Test func replayOfAnEditedLetterSaysSo() throws {
        let original = EventID(high: 7, low: 7)
        let delivery = Fixture.delivery(isReplay: true, originalID: original)
        let request = try RequestBuilder.request(for: delivery, to: Fixture.destination(), now: .at(0))
        #expect(value("Relay-Replay", of: request.headers) == "1")
        #expect(value("Relay-Original-Id", of: request.headers) == original.description)
    }

    @Test func destinationsContentTypeReplacesOurs() throws {
        let headers = [Destination.Header(name: "content-TYPE", value: "text/plain", isSecret: false)]
        let request = try RequestBuilder.request(
            for: Fixture.delivery(), to: Fixture.destination(headers: headers), now: .at(0))
        #expect(value("Content-Type", of: request.headers) == "text/plain")
    }

    @Test func maskedRequestShowsNoSecret() throws {
        let headers = [
            Destination.Header(name: "Authorization", value: "Bearer canary", isSecret: true),
            Destination.Header(name: "X-Team", value: "sales", isSecret: false),
        ]
        let destination = Fixture.destination(headers: headers)
        let masked = try RequestBuilder.masked(for: Fixture.delivery(), to: destination, now: .at(0))
        #expect(masked.url == "https://crm.example.com/…")
        #expect(value("Authorization", of: masked.headers) == "<redacted>")
        #expect(value("X-Team", of: masked.headers) == "sales")
        let request = try RequestBuilder.request(for: Fixture.delivery(), to: destination, now: .at(0))
        #expect(value("Authorization", of: request.headers) == "Bearer canary")
        #expect(!"\(request)".contains("secret") && !"\(request)".contains("canary"))
    }

    @Test func signatureIsSentAndNotShown() throws {
        let signer = try Signer(scheme: .standardWebhooks, secrets: [Secret(Array(repeating: 7, count: 32))])
        let destination = Fixture.destination(signer: signer)
        let request = try RequestBuilder.request(for: Fixture.delivery(), to: destination, now: .at(1999))
        #expect(value("webhook-id", of: request.headers) == Fixture.delivery().event.id.description)
        #expect(value("webhook-timestamp", of: request.headers) == "1700000001")
        #expect(value("webhook-signature", of: request.headers)?.hasPrefix("v1,") == true)
        let masked = try RequestBuilder.masked(for: Fixture.delivery(), to: destination, now: .at(1999))
        #expect(value("webhook-timestamp", of: masked.headers) == "1700000001")
        #expect(value("webhook-signature", of: masked.headers) == "<signature>")
    }

    @Test func changedKeyAloneIsAChangedDestination() throws {
        func destination(_ byte: UInt8) throws -> Destination {
            let secret = Secret(Array(repeating: byte, count: 32))
            return Fixture.destination(signer: try Signer(scheme: .gruveo, secrets: [secret]))
        }
        #expect(try destination(1).isReached(like: destination(1)))
        #expect(try !destination(1).isReached(like: destination(2)))
        #expect(try !destination(1).isReached(like: Fixture.destination()))
    }

    @Test(arguments: [
        ("https://hooks.example.com/T0/canary", "https://hooks.example.com/…"),
        ("https://hooks.example.com", "https://hooks.example.com/…"),
        ("http://127.0.0.1:8080?key=canary", "http://127.0.0.1:8080/…"),
        ("http://[::1]:80/canary", "http://[::1]:80/…"),
        ("https://user:canary@hooks.example.com/", "https://hooks.example.com/…"),
        ("https://a/canary@b", "https://a/…"),
        ("https://a\\canary", "https://a/…"),
        ("https://a/\u{301}canary", "https://a/…"),
        ("https://user:canary@\u{301}b", "https://\u{301}b/…"),
        ("https://a?\u{20DD}canary", "https://a/…"),
        ("hooks.example.com/canary", "…"),
        ("", "…"),
    ])
    func urlIsShownUpToItsHost(url: String, expected: String) {
        #expect(redactedURL(url) == expected)
    }
}
