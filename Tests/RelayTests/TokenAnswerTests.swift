import Signatures
import Testing

@testable import Relay

@Suite struct TokenAnswerTests {
    private func answer(
        _ result: AttemptResult, hasRefreshToken: Bool = true, secrets: [String] = []
    ) -> TokenAnswer {
        TokenAnswer(
            result.ending, hasRefreshToken: hasRefreshToken, secrets: secrets.map { Array($0.utf8) }, now: .at(0))
    }

    private func judgement(_ answer: TokenAnswer) -> Judgement? {
        if case .failed(let judgement, _) = answer { judgement } else { nil }
    }

    // MARK: Granted

    @Test(arguments: [
        (#"{"access_token": "a"}"#, nil), (#"{"access_token": "a", "expires_in": 3600}"#, 3600),
        (#"{"access_token": "a", "expires_in": "3600"}"#, 3600), (#"{"access_token": "a", "expires_in": 1.5e3}"#, 1500),
        (#"{"access_token": "a", "expires_in": 3600000, "expires_in_sec": 3600}"#, 3600),
        (#"{"access_token": "a", "expires_in": -1}"#, 0), (#"{"access_token": "a", "expires_in": 1e400}"#, nil),
        (#"{"access_token": "a", "expires_in": null}"#, nil), (#"{"access_token": "a", "expires_in": "soon"}"#, nil),
        (#"{"access_token": "a", "expires_in": 99999999999999999999}"#, 1_000_000_000),
    ])
    func lifetimes(body: String, seconds: Int64?) {
        let grant = TokenAnswer.Grant(
            accessToken: Secret(Array("a".utf8)), lifetimeSeconds: seconds, refreshToken: nil)
        #expect(answer(TokenFixture.result(200, body)) == .granted(grant))
    }

    /// Salesforce's and Zoho's answers, as their documentation shows them.
    @Test(arguments: [
        #"{"access_token": "00D!A.q", "signature": "x=", "scope": "api", "instance_url": "https://a.example", "#
            + #""id": "https://login.salesforce.com/id/1/2", "token_type": "Bearer", "issued_at": "1700000000000"}"#,
        #"{"access_token": "00D!A.q", "api_domain": "https://www.zohoapis.com", "token_type": "Bearer"}"#,
    ])
    func unknownMembersAreIgnored(body: String) {
        let grant = TokenAnswer.Grant(
            accessToken: Secret(Array("00D!A.q".utf8)), lifetimeSeconds: nil, refreshToken: nil)
        #expect(answer(TokenFixture.result(200, body)) == .granted(grant))
    }

    @Test func anAnswerThatBrokeOffBehindItsTokenIsOne() {
        let result = TokenFixture.result(200, #"{"access_token": "a"}"#, isComplete: false)
        guard case .granted = answer(result) else {
            Issue.record("not granted")
            return
        }
    }

    // MARK: Refused

    private static let url = "Check tokenUrl in the destination's auth, then reload."

    @Test(arguments: [
        (200, "", "the token endpoint's answer is not a JSON object", url),
        (200, "[]", "the token endpoint's answer is not a JSON object", url),
        (200, "access_token=a&expires_in=1", "the token endpoint's answer is not a JSON object", url),
        (200, "{}", "the token endpoint's answer has no access_token", url),
        (200, #"{"access_token": ""}"#, "the token endpoint's answer has no access_token", url),
        (200, #"{"access_token": 1}"#, "the token endpoint's answer has no access_token", url),
        (200, #"{"access_token": "a b"}"#, "the token endpoint's access_token cannot be sent in a header", url),
        (200, #"{"access_token": "a\r\nX: y"}"#, "the token endpoint's access_token cannot be sent in a header", url),
        (302, "", "the token endpoint answered 302", url), (404, "<html>", "the token endpoint answered 404", url),
        (401, "", "the token endpoint answered 401", TokenError.clientAdvice),
        (
            400, #"{"error": "invalid_grant", "error_description": "expired"}"#,
            "the token endpoint answered invalid_grant: expired", "Put a new refresh token in place, then reload."
        ),
        (
            200, #"{"error": "invalid_code"}"#, "the token endpoint answered invalid_code",
            "Put a new refresh token in place, then reload."
        ),
        (
            401, #"{"error": "invalid_client"}"#, "the token endpoint answered invalid_client",
            TokenError.clientAdvice
        ),
        (
            400, #"{"error": "invalid_scope"}"#, "the token endpoint answered invalid_scope",
            "Check scope in the destination's auth, then reload."
        ),
        (
            400, #"{"error": "other"}"#, "the token endpoint answered other",
            "Check the destination's auth, then reload."
        ),
    ])
    func refusals(status: Int, body: String, text: String, advice: String) {
        #expect(
            answer(TokenFixture.result(status, body))
                == .failed(
                    Judgement(outcome: .held, code: "token_refused", text: text, advice: advice), waitMilliseconds: nil)
        )
    }

    @Test func withoutARefreshTokenNobodyIsToldToRenewIt() {
        let result = TokenFixture.result(400, #"{"error": "invalid_grant"}"#)
        #expect(
            judgement(answer(result, hasRefreshToken: false))?.advice
                == "Check what the client is allowed at the service; then reload.")
    }

    @Test func anAnswerOverOurLimitIsNoAnswerThatBrokeOff() {
        let body = #"{"access_token": ""# + String(repeating: "a", count: Response.bodyLimit)
        let result = TokenFixture.result(200, String(body.prefix(Response.bodyLimit)), isComplete: false)
        #expect(judgement(answer(result))?.outcome == .held)
    }

    // MARK: Passing trouble

    @Test(arguments: [408, 425, 429, 500, 501, 502, 503, 504, 529, 599])
    func passingStatuses(status: Int) {
        #expect(judgement(answer(TokenFixture.result(status, "")))?.outcome == .retry)
        #expect(
            judgement(answer(TokenFixture.result(status, #"{"error": "invalid_grant"}"#)))?.outcome == .retry)
    }

    @Test(arguments: ["temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded", "Access Denied"])
    func passingErrors(word: String) {
        for status in [200, 400] {
            let judged = judgement(answer(TokenFixture.result(status, #"{"error": "\#(word)"}"#)))
            #expect(judged?.outcome == .retry && judged?.text == "the token endpoint answered \(word)")
        }
    }

    @Test func anAnswerThatBreaksOffIsAskedForAgain() {
        let result = TokenFixture.result(200, #"{"access_token": "a"#, isComplete: false)
        #expect(judgement(answer(result))?.outcome == .retry)
    }

    @Test(arguments: TransferFailure.Kind.allCases)
    func everyFailureToReachItHasItsMeaning(kind: TransferFailure.Kind) {
        let outcome = judgement(answer(TokenFixture.failure(kind)))?.outcome
        switch kind {
        case .dns, .connect, .timeout, .reset, .notHTTP: #expect(outcome == .retry)
        case .unknownHost, .tls, .addressDenied, .setup: #expect(outcome == .held)
        case .cancelled: #expect(answer(TokenFixture.failure(kind)) == .cancelled)
        }
    }

    // MARK: Words

    @Test func anEndpointThatRepeatsSecretsShowsNone() {
        let body = #"{"error": "CANARY", "error_description": "no \#(String(repeating: "x", count: 190)) CANARY1 x"}"#
        let text = judgement(answer(TokenFixture.result(400, body), secrets: ["CANARY1", "CANARY"]))?.text ?? ""
        #expect(text.hasPrefix("the token endpoint answered <redacted>: no xxx"))
        #expect(!text.contains("CAN"))
    }

    @Test func aDescriptionIsCutAndMovesNoCursor() {
        let description = #"a\u001b[2J\nb\u202e"# + String(repeating: "x", count: 500)
        let body = #"{"error": "e", "error_description": "\#(description)"}"#
        let text = judgement(answer(TokenFixture.result(400, body)))?.text ?? ""
        #expect(text.hasPrefix("the token endpoint answered e: a [2J b x"))
        #expect(text.unicodeScalars.count == "the token endpoint answered e: ".count + 200)
    }

    @Test func everyFormOfASecretThatIsSentIsHidden() {
        let oauth2 = OAuth2(
            grant: .refreshToken(Secret(Array("r&t".utf8))), tokenURL: "https://a.example/", clientID: "i:d",
            isClientIDSecret: true, clientSecret: Secret(Array("se cret".utf8)))
        let hidden = oauth2.secrets.map { String(decoding: $0, as: UTF8.self) }
        for text in ["r&t", "r%26t", "i:d", "i%3Ad", "se cret", "se+cret", "aSUzQWQ6c2UrY3JldA=="] {
            #expect(hidden.contains(text))
        }
    }
}

@Suite struct TokenRequestTests {
    @Test func theClientStandsInTheHeader() {
        var options = TransferOptions()
        options.timeoutMilliseconds = 77
        let request = TokenFixture.oauth2().request(refreshToken: nil, options: options)
        #expect(request.method == "POST" && request.url == "https://a.example/token" && request.options == options)
        #expect(request.headers.contains(OutgoingRequest.Header("Authorization", "Basic cmVsYXk6c2UlMkZjcmV0")))
        #expect(String(decoding: request.body, as: UTF8.self) == "grant_type=client_credentials")
    }

    @Test func theClientStandsInTheForm() {
        let oauth2 = OAuth2(
            grant: .clientCredentials, tokenURL: "https://a.example/", clientID: "relay é",
            clientSecret: Secret(Array("a+b&c=d".utf8)), scope: "x y", clientAuthentication: .body)
        let request = oauth2.request(refreshToken: Secret(Array("r/1".utf8)), options: TransferOptions())
        #expect(!request.headers.contains { $0.name == "Authorization" })
        #expect(
            String(decoding: request.body, as: UTF8.self) == "grant_type=refresh_token&refresh_token=r%2F1&scope=x+y"
                + "&client_id=relay+%C3%A9&client_secret=a%2Bb%26c%3Dd")
    }

    @Test func aRequestShowsTheTokenWithItsScheme() {
        let token = AccessToken(
            number: 1, value: Secret(Array("abc".utf8)), scheme: "Zoho-oauthtoken", renewal: nil)
        let request = OutgoingRequest(
            method: "PUT", url: "https://a.example/", headers: [OutgoingRequest.Header("X-A", "1")], body: [1],
            options: TransferOptions())
        let authorized = request.authorized(by: token)
        #expect(
            authorized.headers == [
                OutgoingRequest.Header("X-A", "1"), OutgoingRequest.Header("Authorization", "Zoho-oauthtoken abc"),
            ])
        #expect(authorized.method == "PUT" && authorized.body == [1] && authorized.url == request.url)
        #expect(!"\(token)".contains("abc"))
    }
}
