import Dispatcher
import Relay
import Signatures
import Testing

/// Requests to the token endpoint name no destination: `open("")` has them.
@Suite struct TokenTests {
    private static func crm(
        _ secret: String = "old secret", url: String = "https://crm.example.com/a", concurrency: Int = 2,
        retry: RetrySchedule = .standard
    ) -> Destination {
        TestBed.destination("crm", url: url, concurrency: concurrency, retry: retry).withToken(secret)
    }

    private func grant(_ token: String, _ bed: TestBed, _ rest: String = "") throws {
        let call = try #require(bed.sender.open("").first)
        #expect(call.request.url == "https://crm.example.com/token")
        let body = Array(#"{"access_token": "\#(token)"\#(rest)}"#.utf8)
        bed.end(call, .response(Response(status: 200, headers: [], body: body, isComplete: true)))
    }

    private func refuse(_ bed: TestBed, _ status: Int = 400, _ error: String = "invalid_grant") throws {
        let call = try #require(bed.sender.open("").first)
        let body = Array(#"{"error": "\#(error)"}"#.utf8)
        bed.end(call, .response(Response(status: status, headers: [], body: body, isComplete: true)))
    }

    private func authorizations(_ bed: TestBed) -> [String?] {
        bed.sender.open("crm").map { call in call.request.headers.last { $0.name == "Authorization" }?.value }
    }

    @Test func deliveriesWaitForOneTokenAndShareIt() throws {
        let bed = TestBed([Self.crm()])
        #expect(bed.sender.total == 0)
        bed.take(1..<10)
        bed.advance(seconds: 1)
        #expect(bed.sender.open("").count == 1 && bed.sender.open("crm").isEmpty)
        try grant("one", bed)
        #expect(authorizations(bed) == ["Bearer one", "Bearer one"])
        while !bed.sender.open("crm").isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 9 && bed.sender.total == 10)
        bed.expectNothingLost()
    }

    @Test func aTokenOnItsWayDelaysNoOtherDestination() throws {
        let bed = TestBed([Self.crm(), TestBed.destination("chat")])
        bed.take(1..<10)
        bed.take(101..<110, to: "chat")
        while !bed.sender.open("chat").isEmpty { try bed.answer(200, from: "chat") }
        #expect(bed.store.count(.delivered) == 9 && bed.sender.open("crm").isEmpty)
    }

    @Test func anExpiredTokenIsReplacedBeforeTheNextDelivery() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<2)
        try grant("one", bed, #", "expires_in": 100"#)
        try bed.answer(200)
        bed.advance(seconds: 89)
        bed.take(2..<3)
        #expect(authorizations(bed) == ["Bearer one"])
        try bed.answer(200)
        bed.advance(seconds: 1)
        bed.take(3..<4)
        try grant("two", bed)
        #expect(authorizations(bed) == ["Bearer two"])
    }

    @Test func aRefusedTokenIsReplacedOnceForAllAndNothingIsCharged() throws {
        let bed = TestBed([Self.crm(concurrency: 4)])
        bed.take(1..<5)
        try grant("one", bed)
        for _ in 0..<4 { try bed.answer(401) }
        #expect(bed.sender.open("").count == 1 && bed.sender.open("crm").isEmpty)
        #expect(bed.store.settlements.isEmpty)
        try grant("two", bed)
        #expect(authorizations(bed) == Array(repeating: "Bearer two", count: 4))
        let numbers = bed.sender.open("crm").map { $0.request.headers.first { $0.name == "Relay-Attempt" }?.value }
        #expect(numbers == Array(repeating: "1", count: 4))
        for _ in 0..<4 { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 4 && bed.sender.open.isEmpty)
        bed.expectNothingLost()
    }

    @Test func aSecondRefusalIsHeldAsAnyOther() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<10)
        try grant("one", bed)
        for _ in 0..<2 { try bed.answer(401) }
        try grant("two", bed)
        for _ in 0..<2 { try bed.answer(401) }
        #expect(bed.store.settlements.map(\.attempt.status) == [401, 401])
        // What the first of the two let go is still in flight.
        try bed.answer(401)
        try grant("three", bed)
        try bed.answer(401)
        #expect(bed.sender.open.isEmpty && bed.store.settlements.count == 3)
        bed.advance(seconds: 299)
        #expect(bed.sender.open.isEmpty)
        // The probe tries one new token too.
        bed.advance(seconds: 1)
        try bed.answer(401)
        try grant("four", bed)
        try bed.answer(200)
        #expect(bed.sender.open("crm").count == 2)
    }

    @Test func theSecondRequestWaitsForTheRate() throws {
        let rate = Rate(requests: 1, periodMilliseconds: 10_000)
        let bed = TestBed([TestBed.destination("crm", rate: rate).withToken("secret")])
        bed.take(1..<2)
        try grant("one", bed)
        try bed.answer(401)
        bed.advance(seconds: 9)
        #expect(bed.sender.open("crm").isEmpty)
        bed.advance(seconds: 2)
        if !bed.sender.open("").isEmpty { try grant("two", bed) }
        #expect(authorizations(bed) == ["Bearer two"])
        try bed.answer(200)
        #expect(bed.store.place(1) == .delivered)
        bed.expectNothingLost()
    }

    @Test func aDestinationsOwnWordOn401CountsAfterTheNewToken() throws {
        let bed = TestBed([Self.crm().with(OutcomeOverrides(exact: [401: .dead]))])
        bed.take(1..<2)
        try grant("one", bed)
        try bed.answer(401)
        try grant("two", bed)
        try bed.answer(401)
        #expect(bed.letters.letters.map(\.reason.code) == ["status_401"])
        #expect(bed.letters.letters[0].request.headers.contains(OutgoingRequest.Header("Authorization", "<redacted>")))
    }

    @Test func aRefusedRefreshTokenHoldsTheDestinationUntilItIsChanged() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<10)
        try refuse(bed)
        #expect(bed.store.settlements.map(\.attempt.outcome) == [.held, .held])
        #expect(bed.store.settlements[0].attempt.error == "the token endpoint answered invalid_grant")
        #expect(bed.store.settlements[0].attempt.response.isEmpty)
        bed.advance(seconds: 60)
        bed.use([Self.crm()])
        #expect(bed.sender.open.isEmpty, "the same settings change nothing")
        bed.use([Self.crm("new")])
        bed.advance(seconds: 1)
        try grant("one", bed)
        while !bed.sender.open("crm").isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 9)
        bed.expectNothingLost()
    }

    @Test func passingTroubleOfTheEndpointRestsTheLaneAndIsTriedAgain() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<10)
        try refuse(bed, 503, "server_error")
        #expect(bed.store.settlements.map(\.attempt.outcome) == [.retry, .retry])
        let due = TestBed.start.advanced(byMilliseconds: 5000)
        #expect(bed.store.settlements.allSatisfy { $0.verdict == .retry(at: due, charged: true) })
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 4.999)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 0.001)
        try grant("one", bed)
        while !bed.sender.open("crm").isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 9)
        bed.expectNothingLost()
    }

    @Test func attemptsWithoutATokenRunOutIntoADeadLetter() throws {
        let bed = TestBed([Self.crm(retry: RetrySchedule(waitsMilliseconds: [], budgetMilliseconds: 3_600_000))])
        bed.take(1..<2)
        try refuse(bed, 503, "server_error")
        #expect(
            bed.letters.letters.map(\.reason.text) == [
                "all 1 attempts failed; at last the token endpoint answered server_error"
            ])
        bed.expectNothingLost()
    }

    // MARK: Reload and stop

    @Test func aReloadThatChangesOtherThingsKeepsTheToken() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<2)
        try grant("one", bed)
        try bed.answer(200)
        bed.use([Self.crm(url: "https://crm.example.com/b", concurrency: 5)])
        bed.take(2..<3)
        #expect(authorizations(bed) == ["Bearer one"])
    }

    @Test func aReloadWithOtherSettingsForgetsTheToken() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<2)
        try grant("one", bed)
        try bed.answer(200)
        bed.use([Self.crm("new")])
        bed.take(2..<3)
        #expect(bed.sender.open("").count == 1 && bed.sender.open("crm").isEmpty)
    }

    @Test func aReloadWithAnotherSecretKeepsTheRefreshTokenThatTheEndpointGave() throws {
        let old = TestBed.destination("crm").withToken("old secret", refreshToken: "first")
        let bed = TestBed([old])
        bed.take(1..<2)
        try grant("one", bed, #", "refresh_token": "second""#)
        try bed.answer(200)
        bed.use([TestBed.destination("crm").withToken("new", refreshToken: "first")])
        bed.take(2..<3)
        let call = try #require(bed.sender.open("").first)
        #expect(String(decoding: call.request.body, as: UTF8.self).contains("refresh_token=second"))
        try grant("two", bed)
        #expect(authorizations(bed) == ["Bearer two"])
    }

    @Test func aRefreshTokenThatComesAfterAReloadIsKept() throws {
        let bed = TestBed([TestBed.destination("crm").withToken("old secret", refreshToken: "first")])
        bed.take(1..<2)
        bed.use([TestBed.destination("crm").withToken("new", refreshToken: "first")])
        try grant("one", bed, #", "refresh_token": "second""#)
        #expect(bed.sender.open("crm").isEmpty)
        bed.advance(seconds: 1)
        let call = try #require(bed.sender.open("").first)
        #expect(String(decoding: call.request.body, as: UTF8.self).contains("refresh_token=second"))
        try grant("two", bed)
        try bed.answer(200)
        bed.expectNothingLost()
    }

    @Test func aRefusalOfForgottenSettingsLeavesTheNewTokenInForce() throws {
        let bed = TestBed([Self.crm(concurrency: 3)])
        bed.take(1..<3)
        try grant("one", bed)
        bed.use([Self.crm("new", concurrency: 3)])
        bed.take(3..<4)
        try grant("two", bed)
        for call in bed.sender.open("crm") where call.key < 3 {
            bed.end(call, .response(Response(status: 401, headers: [], body: [], isComplete: true)))
        }
        #expect(bed.sender.open("").isEmpty, "the token of the new settings was never refused")
        #expect(authorizations(bed) == Array(repeating: "Bearer two", count: 3))
        for _ in 0..<3 { try bed.answer(200) }
        bed.expectNothingLost()
    }

    @Test func anAnswerToForgottenSettingsIsNobodysToken() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<3)
        bed.use([Self.crm("new")])
        #expect(bed.store.count(.leased) == 0, "what waited has gone back")
        bed.advance(seconds: 1)
        #expect(bed.sender.open("").count == 2)
        try grant("old", bed)
        #expect(bed.sender.open("crm").isEmpty)
        try grant("new", bed)
        #expect(authorizations(bed) == ["Bearer new", "Bearer new"])
        for _ in 0..<2 { try bed.answer(200) }
        bed.expectNothingLost()
    }

    @Test func aRefusalOfForgottenSettingsIsSentAgainWithTheNewOnes() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<2)
        try grant("one", bed)
        bed.use([Self.crm("new")])
        try bed.answer(401)
        try grant("two", bed)
        #expect(authorizations(bed) == ["Bearer two"])
        try bed.answer(200)
        bed.expectNothingLost()
    }

    @Test func aDestinationThatVanishesGivesBackWhatWaitsForItsToken() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<10)
        bed.use([])
        bed.expectNothingLost()
        try grant("one", bed)
        #expect(bed.sender.open.isEmpty)
        bed.use([Self.crm()])
        bed.advance(seconds: 1)
        try grant("two", bed)
        while !bed.sender.open("crm").isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 9)
    }

    @Test func aDropTakesWhatWaitsForAToken() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<9)
        #expect(bed.drop("crm") == DropPage(dropped: 8, underWay: 0, next: nil, through: 0))
        try grant("one", bed)
        bed.take(9..<10)
        #expect(authorizations(bed) == ["Bearer one"])
        try bed.answer(200)
        #expect(bed.store.count(.delivered) == 1)
        bed.expectNothingLost()
    }

    @Test func aStopGivesBackWhatWaitsForAToken() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<10)
        bed.stop()
        bed.expectNothingLost()
        try grant("one", bed)
        #expect(bed.sender.open.isEmpty && bed.store.settlements.isEmpty)
    }

    @Test func aRefusalAfterTheStopFetchesNothing() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<2)
        try grant("one", bed)
        bed.stop()
        try bed.answer(401)
        #expect(bed.sender.open.isEmpty && bed.store.settlements.isEmpty)
        bed.expectNothingLost()
    }

    @Test func aCancelledFetchGivesBackWhatWaits() throws {
        let bed = TestBed([Self.crm()])
        bed.take(1..<3)
        let call = try #require(bed.sender.open("").first)
        bed.end(call, .failure(TransferFailure(.cancelled, "shutting down")))
        #expect(bed.store.settlements.isEmpty)
        bed.expectNothingLost()
    }

    // MARK: At random

    /// A service whose tokens end at any time, whose endpoint fails now and then, and an operator who reloads.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func nothingIsLostWhateverTheServiceDoes(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bed = TestBed([Self.crm(concurrency: 3)])
        var key: Int64 = 1
        for _ in 0..<500 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2:
                bed.take(key..<key + 2)
                key += 2
            case 3: bed.advance(seconds: Double.random(in: 0...400, using: &random))
            case 4: bed.use([Self.crm(["old secret", "new"].randomElement(using: &random) ?? "new", concurrency: 3)])
            default:
                guard let call = bed.sender.open.randomElement(using: &random) else { continue }
                let isToken = call.destination.isEmpty
                let statuses = isToken ? [200, 200, 200, 400, 503] : [200, 200, 401, 401, 422, 500]
                let status = statuses.randomElement(using: &random) ?? 200
                let body = isToken && status == 200 ? #"{"access_token": "t\#(key)", "expires_in": 60}"# : ""
                bed.end(
                    call, .response(Response(status: status, headers: [], body: Array(body.utf8), isComplete: true)))
            }
            #expect(bed.sender.open("crm").count <= 3)
        }
        for _ in 0..<3000 where bed.store.places.contains(where: { !$0.hasEnded }) {
            while let call = bed.sender.open.first {
                let body = call.destination.isEmpty ? #"{"access_token": "good"}"# : ""
                bed.end(
                    call, .response(Response(status: 200, headers: [], body: Array(body.utf8), isComplete: true)))
            }
            bed.advance(seconds: 600)
        }
        #expect(bed.store.count(.delivered) + bed.store.count(.dead) == Int(key) - 1)
        bed.expectNothingLost()
    }
}

extension Destination {
    fileprivate func withToken(_ secret: String, refreshToken: String? = nil) -> Destination {
        let oauth2 = OAuth2(
            grant: refreshToken.map { .refreshToken(Secret(Array($0.utf8))) } ?? .clientCredentials,
            tokenURL: "https://crm.example.com/token", clientID: "relay",
            clientSecret: Secret(Array(secret.utf8)))
        return with(overrides, oauth2)
    }

    fileprivate func with(_ overrides: OutcomeOverrides) -> Destination { with(overrides, oauth2) }

    private func with(_ overrides: OutcomeOverrides, _ oauth2: OAuth2?) -> Destination {
        Destination(
            name: name, method: method, url: url, headers: headers, signer: signer, options: options, retry: retry,
            overrides: overrides, concurrency: concurrency, rate: rate, oauth2: oauth2)
    }
}
