import Glibc
import Relay
import Testing

@testable import CurlSender

struct PolicyTests {
    @Test(arguments: [
        "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "localhost",
        "%6c%6f%63alhost",
    ])
    func loopbackIsClosedInEverySpelling(host: String) async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            let failure = await sender.failure(of: request(server.url(host: host), allowPrivate: []))
            #expect(failure?.kind == .addressDenied)
            #expect(failure?.text.contains("\"allowPrivate\": [\"") == true)
            #expect(server.connections == 0)
        }
    }

    @Test(arguments: [
        "0", "0.0.0.0", "[::]", "169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[fe80::1%25lo]",
    ])
    func someAddressesAreNeverOpen(host: String) async throws {
        let everything = [[UInt8](repeating: 0, count: 4), [UInt8](repeating: 0, count: 16)]
            .map { AddressBlock(address: $0, prefixLength: 0) }
        try await withServer(.answering(plainAnswer)) { server, sender in
            let failure = await sender.failure(of: request(server.url(host: host), allowPrivate: everything))
            #expect(failure?.kind == .addressDenied)
            #expect(server.connections == 0)
        }
    }

    @Test func theRefusalSaysWhatToAdd() async throws {
        try await withSender { sender in
            let failure = await sender.failure(of: request("http://10.0.0.5/secret", allowPrivate: [loopback]))
            #expect(failure?.kind == .addressDenied)
            #expect(failure?.text.contains(#""allowPrivate": ["10.0.0.5/32"]"#) == true)
            #expect(failure?.text.contains("secret") == false)
        }
    }

    @Test func aNameIsReachedByThoseOfItsAddressesThatAreOpen() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            #expect(await sender.response(to: request(server.url(host: "localhost")))?.status == 200)
        }
    }

    @Test func aChangedPolicyHoldsForConnectionsThatAreOpenAlready() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            let (open, closed) = (request(server.url()), request(server.url(), allowPrivate: []))
            let endings = await sender.results(of: [open, open, closed]).map(\.ending)
            let statuses = endings.map { if case .response(let response) = $0 { response.status } else { 0 } }
            #expect(statuses == [200, 200, 0])
            #expect(server.connections == 1)
            let failure: TransferFailure? = if case .failure(let failure) = endings[2] { failure } else { nil }
            #expect(failure?.kind == .addressDenied)
            #expect(await sender.response(to: open)?.status == 200)
        }
    }

    @Test func oneDestinationsPermissionIsNotAnothers() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let isOpen = number.isMultiple(of: 2)
                        let request = request(server.url(), allowPrivate: isOpen ? [loopback] : [])
                        #expect((await sender.response(to: request) != nil) == isOpen)
                    }
                }
            }
        }
    }

    /// A label has at most 63 octets (RFC 1035 section 2.3.4): the resolver says no without asking a server.
    private static let impossibleName = String(repeating: "x", count: 64) + ".invalid"

    @Test func aNameThatDoesNotExist() async throws {
        try await withSender { sender in
            let failure = await sender.failure(of: request("http://\(PolicyTests.impossibleName)/secret"))
            #expect(failure == TransferFailure(.unknownHost, "the host \(PolicyTests.impossibleName) does not exist"))
        }
    }

    @Test func aNameThatNoServerKnows() async throws {
        try await withSender { sender in
            let failure = await sender.failure(of: request("http://no-such-host.invalid/", timeoutMilliseconds: 2_000))
            // A resolver which is out of order, or slow, is not one which says no.
            #expect(failure?.kind == .unknownHost || failure?.kind == .dns)
        }
    }

    @Test(arguments: [
        (EAI_NONAME, TransferFailure.Kind.unknownHost), (NameLookup.noData, .unknownHost), (EAI_AGAIN, .dns),
        (EAI_FAIL, .dns),
        (EAI_SYSTEM, .dns), (EAI_MEMORY, .dns), (0, .dns),
    ])
    func onlyAnAnswerThatThereIsNoSuchNameIsOne(code: Int32, kind: TransferFailure.Kind) {
        #expect(NameLookup.failure(host: "x", code: code).kind == kind)
    }

    @Test func manyFailingLookUpsAreAllAnswered() async throws {
        try await withSender { sender in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let url = "http://a\(number % 5).\(PolicyTests.impossibleName)/"
                        let failure = await sender.failure(of: request(url))
                        #expect(failure?.kind == .unknownHost || failure?.kind == .dns)
                    }
                }
            }
        }
    }
}

struct LookupGateTests {
    @Test func letsTwoLookUpsThroughAndThenAllOnceTheNameIsKnown() {
        let gate = GateBox()
        #expect(gate.admit("a", now: 0) == .go(isCounted: true))
        #expect(gate.admit("a", now: 0) == .go(isCounted: true))
        #expect(gate.admit("a", now: 0) == .wait)
        #expect(gate.admit("b", now: 0) == .go(isCounted: true))
        gate.resolved("a", now: 0)
        #expect(gate.admit("a", now: 59_999) == .go(isCounted: false))
        #expect(gate.admit("a", now: 60_000) == .go(isCounted: true))
    }

    @Test func refusesAHostWhoseLookUpsHang() {
        let gate = GateBox()
        for _ in 0..<2 {
            _ = gate.admit("a", now: 0)
            gate.ended("a", isCounted: true, isLeftBehind: true, now: 5_000)
        }
        #expect(gate.admit("a", now: 64_999) == .refuse)
        #expect(!gate.beginInquiry("a", now: 64_999))
        #expect(gate.admit("b", now: 64_999) == .go(isCounted: true))
        #expect(gate.admit("a", now: 65_000) == .go(isCounted: true))
    }

    @Test func noMoreThanThirtyTwoInAll() {
        let gate = GateBox()
        for number in 0..<32 {
            #expect(gate.admit("\(number)", now: 0) == .go(isCounted: true))
        }
        #expect(gate.admit("x", now: 0) == .wait)
        #expect(!gate.beginInquiry("x", now: 0))
        for number in 0..<32 { gate.ended("\(number)", isCounted: true, isLeftBehind: true, now: 0) }
        #expect(gate.admit("x", now: 1) == .refuse)
        #expect(gate.admit("x", now: 60_000) == .go(isCounted: true))
    }

    @Test func inquiriesCountToo() {
        let gate = GateBox()
        #expect(gate.beginInquiry("a", now: 0))
        #expect(gate.beginInquiry("a", now: 0))
        #expect(!gate.beginInquiry("a", now: 0))
        #expect(gate.admit("a", now: 0) == .refuse)
        gate.inquiryEnded("a")
        #expect(gate.admit("a", now: 0) == .go(isCounted: true))
    }
}

/// Lets `#expect`, which cannot mutate what it looks at, call the gate.
private final class GateBox {
    private var gate = LookupGate()

    func admit(_ host: String, now: Int64) -> LookupGate.Verdict { gate.admit(host, now: now) }

    func resolved(_ host: String, now: Int64) { gate.resolved(host, now: now) }

    func ended(_ host: String, isCounted: Bool, isLeftBehind: Bool, now: Int64) {
        gate.ended(host, isCounted: isCounted, isLeftBehind: isLeftBehind, now: now)
    }

    func beginInquiry(_ host: String, now: Int64) -> Bool { gate.beginInquiry(host, now: now) }

    func inquiryEnded(_ host: String) { gate.inquiryEnded(host) }
}
