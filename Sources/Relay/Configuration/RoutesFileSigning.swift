import Signatures

/// How a destination's requests are signed, as the file declares it.
struct SigningDeclaration: Sendable {
    let scheme: SigningScheme
    let keys: [SecretDeclaration]
    let place: FilePlace
}

private enum SchemeName: String, CaseIterable {
    case gruveo
    case standardWebhooks = "standard-webhooks"
    case github
    case slack
    case hmac
}

private enum EncodingName: String, CaseIterable {
    case hex, base64

    var encoding: SignatureEncoding { self == .hex ? .hex : .base64 }
}

extension Field {
    /// Reads `sign`.
    func signing() -> SigningDeclaration? {
        guard var reader = object() else { return nil }
        defer { reader.finish() }
        let schemes = Words.choice(SchemeName.allCases.map(\.rawValue))
        let name = reader.required("scheme", "add \"scheme\": \(schemes)")?.word(SchemeName.self)
        let keys = signingKeys(reader.required("keys", "add \"keys\": [ {\"credential\": \"NAME\"} ]"), name)
        let scheme = reader.scheme(name)
        guard let scheme, let keys else { return nil }
        return SigningDeclaration(scheme: scheme, keys: keys, place: place)
    }

    private func signingKeys(_ list: Field?, _ scheme: SchemeName?) -> [SecretDeclaration]? {
        guard let list, let elements = list.keyList() else { return nil }
        if elements.count > 1, let scheme {
            switch scheme {
            case .standardWebhooks: break
            case .slack:
                list.note("the scheme \"slack\" has room for one signature: the first key signs, the others do nothing")
            case .gruveo, .github, .hmac:
                list.error("the scheme \(Words.quoted(scheme.rawValue)) signs with one key: leave one here")
            }
        }
        return elements.compactMap { $0.secret() }
    }

    /// A list of at least one key. A key that stands here itself, without a list, is refused like one in a list.
    func keyList() -> [Field]? {
        if isString {
            _ = secretReader()
            return nil
        }
        guard let elements = elements("keys, each a reference such as \(Field.referenceExample)") else { return nil }
        if elements.isEmpty { error("needs at least one key: refer to it by \(Field.referenceExample)") }
        return elements
    }
}

extension ObjectReader {
    /// Only `hmac` has something to choose; elsewhere these keys would do nothing, so they are refused.
    fileprivate mutating func scheme(_ name: SchemeName?) -> SigningScheme? {
        let prefix = optional("prefix")
        let encoding = optional("encoding")
        guard name == .hmac else {
            for field in [optional("header"), prefix, encoding].compactMap({ $0 }) where name != nil {
                field.error("only the scheme \"hmac\" has this key: remove it")
            }
            return name.flatMap(fixedScheme)
        }
        let header = required("header", "add the name of the header that holds the signature")
        let headerName = header?.text() ?? ""
        if let header, !headerName.isEmpty || header.isString,
            let fault = HeaderRules.nameFault(headerName, isSignature: true)
        {
            header.error(fault)
        }
        let prefixText = prefix?.text() ?? ""
        if !prefixText.isEmpty, let fault = HeaderRules.valueFault(prefixText.utf8) { prefix?.error(fault) }
        return .hmac(
            header: headerName, prefix: prefixText, encoding: encoding?.word(EncodingName.self)?.encoding ?? .hex)
    }

    private func fixedScheme(_ name: SchemeName) -> SigningScheme? {
        switch name {
        case .gruveo: .gruveo
        case .standardWebhooks: .standardWebhooks
        case .github: .github
        case .slack: .slack
        case .hmac: nil
        }
    }
}
