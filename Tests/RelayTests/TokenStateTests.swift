import Signatures
import Testing

@testable import Relay

/// Small steps of a token's life.
enum TokenFixture {
    static func oauth2(
        refreshToken: String? = nil, url: String = "https://a.example/token", client: String = "relay",
        secret: String = "se/cret", scope: String? = nil, scheme: String = "Bearer"
    ) -> OAuth2 {
        OAuth2(
            grant: refreshToken.map { .refreshToken(Secret(Array($0.utf8))) } ?? .clientCredentials,
            tokenURL: url, clientID: client, clientSecret: Secret(Array(secret.utf8)), scope: scope, scheme: scheme)
    }

    static func result(
        _ status: Int, _ body: String, retryAfter: String? = nil, isComplete: Bool = true, at start: Timestamp = .at(0)
    ) -> AttemptResult {
        let headers = retryAfter.map { [OutgoingRequest.Header("Retry-After", $0)] } ?? []
        let response = Response(status: status, headers: headers, body: Array(body.utf8), isComplete: isComplete)
        return AttemptResult(ending: .response(response), startedAt: start, durationMilliseconds: 7)
    }

    static func failure(_ kind: TransferFailure.Kind) -> AttemptResult {
        AttemptResult(
            ending: .failure(TransferFailure(kind, "\(kind)")), startedAt: .at(0), durationMilliseconds: 7)
    }
}

@Suite struct TokenStateTests {
    private func isFetching(_ state: inout TokenState, at now: Timestamp) -> Bool {
        if case .fetch = state.next(options: TransferOptions(), now: now) { true } else { false }
    }

    private func used(_ state: inout TokenState, at now: Timestamp) -> AccessToken? {
        if case .use(let token) = state.next(options: TransferOptions(), now: now) { token } else { nil }
    }

    private func isGivenUp(_ token: AccessToken, by state: inout TokenState, at now: Timestamp) -> Bool {
        state.refused(token, now: now)
    }

    private func form(_ state: inout TokenState, at now: Timestamp) -> String? {
        guard case .fetch(let request) = state.next(options: TransferOptions(), now: now) else { return nil }
        return String(decoding: request.body, as: UTF8.self)
    }

    /// Fetches a token that is then in force.
    @discardableResult
    private func grant(
        _ state: inout TokenState, _ value: String = "t", expiresIn: Int? = nil, at now: Timestamp = .at(0)
    ) throws -> AccessToken {
        try #require(isFetching(&state, at: now))
        let lifetime = expiresIn.map { #", "expires_in": \#($0)"# } ?? ""
        let arrival = state.answered(
            TokenFixture.result(200, #"{"access_token": "\#(value)"\#(lifetime)}"#, at: now), now: now)
        guard case .token(let token, _) = arrival else { throw NoToken() }
        return token
    }

    private struct NoToken: Error {}

    @Test func oneFetchAtATime() throws {
        var state = TokenState(TokenFixture.oauth2())
        #expect(isFetching(&state, at: .at(0)))
        for _ in 0..<50 {
            guard case .wait = state.next(options: TransferOptions(), now: .at(1)) else { throw NoToken() }
        }
        _ = state.answered(TokenFixture.result(200, #"{"access_token": "t"}"#), now: .at(2))
        #expect(used(&state, at: .at(3))?.value == Secret(Array("t".utf8)))
    }

    @Test(arguments: [(3600, 3_540_000), (600, 540_000), (100, 90_000), (3, 2700), (1, 900), (0, 900), (-5, 900)])
    func aTokenIsRenewedBeforeItsEnd(expiresIn: Int, milliseconds: Int64) throws {
        var state = TokenState(TokenFixture.oauth2())
        try grant(&state, expiresIn: expiresIn)
        #expect(used(&state, at: .at(milliseconds - 1)) != nil)
        #expect(isFetching(&state, at: .at(milliseconds)))
    }

    @Test func itsLifeBeginsWhenItWasAskedFor() throws {
        var state = TokenState(TokenFixture.oauth2())
        #expect(isFetching(&state, at: .at(0)))
        let answer = TokenFixture.result(200, #"{"access_token": "t", "expires_in": 100}"#, at: .at(0))
        _ = state.answered(answer, now: .at(15_000))
        #expect(isFetching(&state, at: .at(90_000)))
    }

    @Test func aTokenWithoutAnEndIsUsedUntilItIsRefused() throws {
        var state = TokenState(TokenFixture.oauth2())
        let token = try grant(&state)
        #expect(used(&state, at: .at(31_622_400_000)) == token)
        #expect(isGivenUp(token, by: &state, at: .at(31_622_400_000)))
        #expect(isFetching(&state, at: .at(31_622_400_001)))
    }

    @Test(arguments: [-31_622_400_000 as Int64, 31_622_400_000])
    func settingTheClockKeepsNoTokenForAYear(jump: Int64) throws {
        var state = TokenState(TokenFixture.oauth2())
        try grant(&state, expiresIn: 3600)
        #expect(isFetching(&state, at: .at(jump)))
    }

    @Test func deliveriesRefusedWithTheSameTokenFetchOneNewOne() throws {
        var state = TokenState(TokenFixture.oauth2())
        let old = try grant(&state, "old")
        for _ in 0..<50 { #expect(isGivenUp(old, by: &state, at: .at(10))) }
        let new = try grant(&state, "new", at: .at(11))
        #expect(isGivenUp(old, by: &state, at: .at(12)))
        #expect(used(&state, at: .at(12)) == new)
    }

    /// An endpoint may give the token again that it gave before: it is not the one that was refused.
    @Test func theSameTokenGivenAgainIsAnotherOne() throws {
        var state = TokenState(TokenFixture.oauth2())
        let old = try grant(&state)
        #expect(isGivenUp(old, by: &state, at: .at(1)))
        let new = try grant(&state, at: .at(2))
        #expect(isGivenUp(old, by: &state, at: .at(3)))
        #expect(used(&state, at: .at(3)) == new)
    }

    @Test func noMoreThanFiveTokensAreReplacedInTenMinutes() throws {
        var state = TokenState(TokenFixture.oauth2())
        var token = try grant(&state)
        for minute in 0..<5 as Range<Int64> {
            #expect(isGivenUp(token, by: &state, at: .at(minute * 60_000)))
            token = try grant(&state, at: .at(minute * 60_000))
        }
        #expect(!isGivenUp(token, by: &state, at: .at(599_999)))
        #expect(used(&state, at: .at(599_999)) == token)
        #expect(isGivenUp(token, by: &state, at: .at(600_000)))
        token = try grant(&state, at: .at(600_000))
        #expect(!isGivenUp(token, by: &state, at: .at(600_001)))
        #expect(isGivenUp(token, by: &state, at: .at(-1)), "a clock that was set back")
    }

    // MARK: Failures

    private func failed(
        _ state: inout TokenState, _ result: AttemptResult, at now: Timestamp = .at(0)
    ) throws -> (Judgement, Int64?) {
        try #require(isFetching(&state, at: now))
        guard case .failed(let judgement, let wait) = state.answered(result, now: now) else { throw NoToken() }
        return (judgement, wait)
    }

    @Test func restsLongerWithEachFailureUntilASuccess() throws {
        var state = TokenState(TokenFixture.oauth2())
        for wait in [5, 10, 20, 40, 80, 160, 300, 300, 300] as [Int64] {
            #expect(try failed(&state, TokenFixture.result(503, "")).1 == wait * 1000)
        }
        let token = try grant(&state)
        #expect(isGivenUp(token, by: &state, at: .at(0)))
        #expect(try failed(&state, TokenFixture.failure(.timeout)).1 == 5000)
    }

    @Test func itsOwnWishGoesBeforeTheSteps() throws {
        var state = TokenState(TokenFixture.oauth2())
        let (judgement, wait) = try failed(&state, TokenFixture.result(429, "", retryAfter: "77"))
        #expect(judgement.outcome == .retry && wait == 77_000)
    }

    @Test func aRefusalIsAskedAgainWhenADeliveryGoesOutAgain() throws {
        var state = TokenState(TokenFixture.oauth2(refreshToken: "r"))
        let (judgement, wait) = try failed(&state, TokenFixture.result(400, #"{"error": "invalid_grant"}"#))
        #expect(judgement.outcome == .held && wait == nil)
        #expect(isFetching(&state, at: .at(1)))
    }

    @Test func aCancelledFetchIsNoFailure() {
        var state = TokenState(TokenFixture.oauth2())
        #expect(isFetching(&state, at: .at(0)))
        guard case .cancelled = state.answered(TokenFixture.failure(.cancelled), now: .at(1)) else {
            Issue.record("a cancelled fetch")
            return
        }
    }

    // MARK: Rotation

    @Test func aRefreshTokenThatTheEndpointReplacedIsUsedFromThenOn() throws {
        var state = TokenState(TokenFixture.oauth2(refreshToken: "first"))
        #expect(form(&state, at: .at(0)) == "grant_type=refresh_token&refresh_token=first")
        let answers = [("second", true), ("second", false), ("third", true)]
        for (value, isNew) in answers {
            let body = #"{"access_token": "t", "refresh_token": "\#(value)"}"#
            guard case .token(let token, let isRotated) = state.answered(TokenFixture.result(200, body), now: .at(1))
            else { throw NoToken() }
            #expect(isRotated == isNew)
            #expect(isGivenUp(token, by: &state, at: .at(2)))
            #expect(form(&state, at: .at(3)) == "grant_type=refresh_token&refresh_token=\(value)")
        }
    }

    private func rotated(_ oauth2: OAuth2, to value: String) throws -> TokenState {
        var state = TokenState(oauth2)
        try #require(isFetching(&state, at: .at(0)))
        let body = #"{"access_token": "t", "refresh_token": "\#(value)"}"#
        guard case .token(_, isRotated: true) = state.answered(TokenFixture.result(200, body), now: .at(1))
        else { throw NoToken() }
        return state
    }

    private func isReplaced(_ state: inout TokenState, by answer: AttemptResult, to earlier: TokenState) -> Bool {
        state.overheard(answer, askedBy: earlier, now: .at(5))
    }

    @Test func settingsOfTheSameGrantTakeOverTheReplacedRefreshTokenAndNoAccessToken() throws {
        let earlier = try rotated(TokenFixture.oauth2(refreshToken: "first"), to: "second")
        for oauth2 in [
            TokenFixture.oauth2(refreshToken: "first", secret: "new"),
            TokenFixture.oauth2(refreshToken: "first", scope: "calls"),
            TokenFixture.oauth2(refreshToken: "first", scheme: "Zoho-oauthtoken"),
        ] {
            var state = TokenState(oauth2, after: earlier)
            #expect(form(&state, at: .at(2))?.hasPrefix("grant_type=refresh_token&refresh_token=second") == true)
        }
    }

    @Test func settingsOfAnotherGrantBeginWithTheirOwnRefreshToken() throws {
        let earlier = try rotated(TokenFixture.oauth2(refreshToken: "first"), to: "second")
        for (oauth2, expected) in [
            (TokenFixture.oauth2(refreshToken: "third"), "third"),
            (TokenFixture.oauth2(refreshToken: "first", url: "https://b.example/token"), "first"),
            (TokenFixture.oauth2(refreshToken: "first", client: "other"), "first"),
        ] {
            var state = TokenState(oauth2, after: earlier)
            #expect(form(&state, at: .at(2)) == "grant_type=refresh_token&refresh_token=\(expected)")
        }
        var state = TokenState(TokenFixture.oauth2(), after: earlier)
        #expect(form(&state, at: .at(2)) == "grant_type=client_credentials")
    }

    @Test func anAnswerToTheSettingsBeforeReplacesTheRefreshTokenThatItEnded() throws {
        let earlier = TokenState(TokenFixture.oauth2(refreshToken: "first"))
        let answer = TokenFixture.result(200, #"{"access_token": "t", "refresh_token": "second"}"#)
        var state = TokenState(TokenFixture.oauth2(refreshToken: "first", secret: "new"), after: earlier)
        #expect(isReplaced(&state, by: answer, to: earlier))
        #expect(form(&state, at: .at(2)) == "grant_type=refresh_token&refresh_token=second")
        let same = TokenFixture.result(200, #"{"access_token": "t"}"#)
        #expect(!isReplaced(&state, by: same, to: earlier))
        let refusal = TokenFixture.result(400, #"{"error": "invalid_grant"}"#)
        #expect(!isReplaced(&state, by: refusal, to: earlier))
        var other = TokenState(TokenFixture.oauth2(refreshToken: "first", client: "other"), after: earlier)
        #expect(!isReplaced(&other, by: answer, to: earlier))
        var later = try rotated(TokenFixture.oauth2(refreshToken: "first", secret: "new"), to: "third")
        #expect(!isReplaced(&later, by: answer, to: earlier), "its own is younger")
    }

    @Test func aRefreshTokenThatNobodyAskedForIsLeftAlone() throws {
        var state = TokenState(TokenFixture.oauth2())
        #expect(isFetching(&state, at: .at(0)))
        let body = #"{"access_token": "t", "refresh_token": "r"}"#
        guard case .token(let token, let isRotated) = state.answered(TokenFixture.result(200, body), now: .at(1))
        else { throw NoToken() }
        #expect(!isRotated)
        #expect(isGivenUp(token, by: &state, at: .at(2)))
        #expect(form(&state, at: .at(3)) == "grant_type=client_credentials")
    }
}
