package import Signatures

/// How a destination's access token is got: the two grants of RFC 6749 that need no person at a browser.
///
/// A class, so that a destination without it carries no more than an empty reference.
package final class OAuth2: Sendable {
    package enum Grant: Sendable, Equatable {
        /// RFC 6749 section 4.4.
        case clientCredentials
        /// RFC 6749 section 6.
        case refreshToken(Secret)
    }

    /// Where the client's id and secret stand in the request (RFC 6749 section 2.3.1).
    package enum ClientAuthentication: String, Sendable, CaseIterable {
        case basic, body
    }

    package let grant: Grant
    package let tokenURL: String
    package let clientID: String
    /// Whether a person may not see the client's id.
    package let isClientIDSecret: Bool
    package let clientSecret: Secret
    package let scope: String?
    package let clientAuthentication: ClientAuthentication
    /// The word before the token in `Authorization`.
    package let scheme: String

    package init(
        grant: Grant, tokenURL: String, clientID: String, isClientIDSecret: Bool = false, clientSecret: Secret,
        scope: String? = nil, clientAuthentication: ClientAuthentication = .basic, scheme: String = "Bearer"
    ) {
        self.grant = grant
        self.tokenURL = tokenURL
        self.clientID = clientID
        self.isClientIDSecret = isClientIDSecret
        self.clientSecret = clientSecret
        self.scope = scope
        self.clientAuthentication = clientAuthentication
        self.scheme = scheme
    }
}

extension OAuth2: Equatable {
    package static func == (left: OAuth2, right: OAuth2) -> Bool {
        left.isGranted(like: right) && left.clientSecret == right.clientSecret && left.scope == right.scope
            && left.clientAuthentication == right.clientAuthentication && left.scheme == right.scheme
    }
}

extension OAuth2 {
    /// Whether a refresh token of one is good for the other: the same client has the same grant at the same endpoint.
    func isGranted(like other: OAuth2) -> Bool {
        grant == other.grant && tokenURL.hasSameBytes(as: other.tokenURL)
            && clientID.hasSameBytes(as: other.clientID)
    }
}

// MARK: - The request for a token

extension OAuth2 {
    /// The request for an access token (RFC 6749 sections 4.4.2 and 6).
    ///
    /// - Parameter refreshToken: the one to use now; the endpoint may have replaced the first.
    func request(refreshToken: Secret?, options: TransferOptions) -> OutgoingRequest {
        var headers = [
            OutgoingRequest.Header("Content-Type", "application/x-www-form-urlencoded"),
            OutgoingRequest.Header("Accept", "application/json"),
        ]
        if clientAuthentication == .basic {
            headers.append(OutgoingRequest.Header("Authorization", "Basic \(basicCredentials)"))
        }
        return OutgoingRequest(
            method: "POST", url: tokenURL, headers: headers, body: form(refreshToken: refreshToken), options: options)
    }

    private func form(refreshToken: Secret?) -> [UInt8] {
        var fields: [(name: String, value: [UInt8])] = []
        if let refreshToken {
            fields = [("grant_type", Array("refresh_token".utf8)), ("refresh_token", refreshToken.bytes)]
        } else {
            fields = [("grant_type", Array("client_credentials".utf8))]
        }
        if let scope { fields.append(("scope", Array(scope.utf8))) }
        if clientAuthentication == .body {
            fields += [("client_id", Array(clientID.utf8)), ("client_secret", clientSecret.bytes)]
        }
        return Array(fields.map { "\($0.name)=\(FormText.encode($0.value))" }.joined(separator: "&").utf8)
    }

    /// Id and secret are encoded as in a form before they are put together (RFC 6749 section 2.3.1).
    private var basicCredentials: String {
        Base64.encode(Array("\(FormText.encode(Array(clientID.utf8))):\(FormText.encode(clientSecret.bytes))".utf8))
    }

    /// What nobody may read in an answer that repeats the request, in each form in which it is sent; the longest first.
    var secrets: [[UInt8]] {
        var plain = [clientSecret.bytes]
        if case .refreshToken(let token) = grant { plain.append(token.bytes) }
        if isClientIDSecret { plain.append(Array(clientID.utf8)) }
        let encoded = plain.map { Array(FormText.encode($0).utf8) } + [Array(basicCredentials.utf8)]
        return (plain + encoded).filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }
}

/// The text of a form's field (application/x-www-form-urlencoded, RFC 6749 appendix B).
enum FormText {
    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "*"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                text.append(byte)
            case UInt8(ascii: " "): text.append(UInt8(ascii: "+"))
            default: text += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
