import Signatures
import Testing

@testable import Relay

@Suite struct RoutesFileOAuth2Tests {
    private static let required =
        #""tokenUrl": "https://a.example/token", "clientId": "relay", "clientSecret": {"env": "S"}"#

    private func auth(_ members: String) -> String { #""auth": {"oauth2": {\#(members)}}"# }

    @Test func clientCredentialsHaveTheDefaultsOfTheStandard() throws {
        let text = routesText(destination: auth(#""grant": "client_credentials", \#(Self.required)"#))
        let (configuration, lines) = try resolved(text, ["KEY": longKey, "S": Array("s ecret\n".utf8)])
        #expect(lines == [])
        let crm = try #require(configuration?.destinations["crm"])
        let wanted = OAuth2(
            grant: .clientCredentials, tokenURL: "https://a.example/token", clientID: "relay",
            clientSecret: Secret(Array("s ecret".utf8)), scope: nil, clientAuthentication: .basic, scheme: "Bearer")
        #expect(crm.oauth2 == wanted)
        #expect(crm.headers.isEmpty)
    }

    @Test func everyKeyIsRead() throws {
        let text = routesText(
            destination: auth(
                #"""
                "grant": "refresh_token", "tokenUrl": "https://a.example/token", "clientId": {"env": "I"},
                "clientSecret": {"env": "S", "encoding": "hex"}, "refreshToken": {"env": "R"}, "scope": "a b,c",
                "clientAuth": "body", "scheme": "Zoho-oauthtoken"
                """#))
        let secrets = ["KEY": longKey, "I": Array("id".utf8), "S": Array("6162".utf8), "R": Array("refresh".utf8)]
        let oauth2 = try resolved(text, secrets).configuration?.destinations["crm"]?.oauth2
        let wanted = OAuth2(
            grant: .refreshToken(Secret(Array("refresh".utf8))), tokenURL: "https://a.example/token", clientID: "id",
            isClientIDSecret: true, clientSecret: Secret(Array("ab".utf8)), scope: "a b,c",
            clientAuthentication: .body, scheme: "Zoho-oauthtoken")
        #expect(oauth2 == wanted)
        #expect(oauth2?.isClientIDSecret == true)
    }

    @Test(arguments: [
        (required, #": "grant" is missing: add "grant": "client_credentials" or "refresh_token""#),
        (
            #""grant": "password", \#(required)"#,
            #".grant: "password" is none of "client_credentials" or "refresh_token""#
        ),
        (
            #""grant": "refresh_token", \#(required)"#,
            #": "refreshToken" is missing: refer to it by {"credential": "NAME"}, {"env": "NAME"} or {"file": "PATH"}"#
        ),
        (
            #""grant": "client_credentials", "refreshToken": {"env": "R"}, \#(required)"#,
            #".refreshToken: only the grant "refresh_token" has this key: remove it"#
        ),
        (
            #""grant": "client_credentials", "tokenUrl": "https://a.example/", "clientSecret": {"env": "S"}"#,
            #": "clientId" is missing: add the id that the service gave to the relay"#
        ),
        (
            #""grant": "client_credentials", "audience": "x", \#(required)"#,
            #": unknown key "audience": remove it; the keys here are grant, tokenUrl, clientId, clientSecret, "#
                + "refreshToken, scope, clientAuth, scheme"
        ),
        (
            #""grant": "client_credentials", "scope": "a  b", \#(required)"#,
            ".scope: must be words with one space between them, in visible ASCII without quotes and backslashes"
        ),
        (
            #""grant": "client_credentials", "scheme": "Zoho oauthtoken", \#(required)"#,
            ".scheme: must be one word of letters, digits and !#$%&'*+.^_`|~-"
        ),
        (
            #""grant": "client_credentials", "clientAuth": "Basic", \#(required)"#,
            #".clientAuth: "Basic" is none of "basic" or "body", did you mean "basic"?"#
        ),
        (
            #""grant": "client_credentials", "tokenUrl": "https://10.0.0.1/", "clientId": "a", "#
                + #""clientSecret": {"env": "S"}"#,
            #".tokenUrl: the address 10.0.0.1 is private; to allow it add "allowPrivate": ["10.0.0.1/32"] to the "#
                + "destination"
        ),
        (
            #""grant": "client_credentials", "tokenUrl": "https://a.example/", "clientId": "ä", "#
                + #""clientSecret": {"env": "S"}"#,
            ".clientId: must be what the service gave as the client's id: visible ASCII and spaces, and not empty"
        ),
    ])
    func faultySettings(members: String, expected: String) {
        #expect(
            messages(routesText(destination: auth(members))) == ["error: destinations.crm.auth.oauth2\(expected)"])
    }

    @Test func aPrivateTokenEndpointIsOpenedWithItsDestination() {
        let members = #""grant": "client_credentials", "tokenUrl": "http://10.0.0.1/", "clientId": "a", "#
        let text = auth(members + #""clientSecret": {"env": "S"}"#) + #", "allowPrivate": ["10.0.0.0/8"]"#
        #expect(messages(routesText(destination: text)) == [])
    }

    @Test func anUnencryptedTokenEndpointIsAWarning() {
        let members = #""grant": "client_credentials", "tokenUrl": "http://a.example/", "clientId": "a", "#
        #expect(
            messages(routesText(destination: auth(members + #""clientSecret": {"env": "S"}"#))) == [
                "warning: destinations.crm.auth.oauth2.tokenUrl: the client's secret goes out unencrypted: use https://"
            ])
    }

    @Test func theHeaderOfTheTokenStandsOnce() {
        let text = auth(#""grant": "client_credentials", \#(Self.required)"#)
        #expect(
            messages(routesText(destination: #""headers": {"Authorization": {"env": "T"}}, "# + text)) == [
                #"error: destinations.crm.headers.Authorization: "auth" sets this header too: leave one of the two"#
            ])
    }

    @Test func aSecretThatNoRequestCanHoldIsAnError() throws {
        let text = routesText(destination: auth(#""grant": "client_credentials", \#(Self.required)"#))
        let (configuration, lines) = try resolved(text, ["KEY": longKey, "S": Array("CANARY\n\n".utf8)])
        #expect(configuration == nil && lines.count == 1)
        #expect(
            lines[0].hasSuffix(
                #"auth.oauth2.clientSecret: the environment variable "S" holds something else than visible ASCII and "#
                    + "spaces, such as a line break"))
    }

    @Test func withoutItsSecretsTheConfigurationCanBeShown() throws {
        let text = routesText(destination: auth(#""grant": "client_credentials", \#(Self.required)"#))
        let (configuration, lines) = try resolved(text, ["KEY": longKey], unreadable: .note)
        #expect(lines.count == 1)
        let crm = try #require(configuration?.destinations["crm"])
        let masked = try RequestBuilder.masked(for: Fixture.delivery(), to: crm, now: .at(0))
        #expect(masked.headers.contains(OutgoingRequest.Header("Authorization", "<redacted>")))
    }

    @Test func anotherSecretIsAnotherDestination() throws {
        let text = routesText(destination: auth(#""grant": "client_credentials", \#(Self.required)"#))
        func crm(_ secret: String) throws -> Destination {
            try #require(
                resolved(text, ["KEY": longKey, "S": Array(secret.utf8)]).configuration?.destinations["crm"])
        }
        #expect(try crm("old").isReached(like: crm("old")))
        #expect(try !crm("old").isReached(like: crm("new")))
    }

    @Test func noSecretIsInADescriptionOfTheSettings() {
        let secret = Secret(Array("CANARY".utf8))
        let oauth2 = OAuth2(
            grant: .refreshToken(secret), tokenURL: "https://a.example/", clientID: "a", clientSecret: secret)
        #expect(!"\(oauth2) \(oauth2.grant)".contains("CANARY"))
    }
}
