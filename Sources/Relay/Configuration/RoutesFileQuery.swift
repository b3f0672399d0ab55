import JSON
import JSONTemplates

/// A name and a value that are added to the URL's query.
struct QueryDeclaration: Sendable {
    let name: String
    /// As the file has it.
    let text: String
    let place: FilePlace
}

extension Field {
    /// Reads `query`.
    func query() -> [QueryDeclaration] {
        guard let reader = object("an object of names and values such as {\"wait\": \"true\"}") else { return [] }
        return reader.entries.compactMap { name, keyPlace, value in
            if name.isEmpty || !name.utf8.allSatisfy(QueryText.isPlain) {
                log.add(
                    .error, at: keyPlace, "a name in a query has letters, digits, \"-\", \".\", \"_\" and \"~\" only")
            }
            return value.queryValue(name)
        }
    }

    private func queryValue(_ name: String) -> QueryDeclaration? {
        guard let text = text("a text such as \"true\" or \"${id}\"") else { return nil }
        do throws(TemplateError) {
            let literals = try TextTemplate(text)?.literals ?? [text]
            let isPlain = literals.allSatisfy { $0.utf8.allSatisfy(QueryText.isPlain) }
            guard isPlain, !text.isEmpty, QueryText.isSimple(text) else {
                error(
                    "a value in a query has letters, digits, \"-\", \".\", \"_\" and \"~\" only, and ${…} without "
                        + "braces in it: write the rest as %XX into the URL")
                return nil
            }
            return QueryDeclaration(name: name, text: text, place: place)
        } catch {
            self.error(TemplateAdvice.sentence(error))
            return nil
        }
    }
}

private enum QueryText {
    /// RFC 3986 section 2.3: what means itself everywhere in a URL.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~".utf8.contains(byte)
        }
    }

    /// Whether no expression has a brace of its own, so that a schema can tell where it ends.
    static func isSimple(_ text: String) -> Bool {
        let opening = text.utf8.count { $0 == UInt8(ascii: "{") }
        return opening == text.utf8.count { $0 == UInt8(ascii: "$") }
            && opening == text.utf8.count { $0 == UInt8(ascii: "}") }
    }
}

extension DestinationDeclaration {
    /// The URL as far as the file shows it.
    var shownURL: String {
        if case .plain(let text, _) = url { text } else { "https://secret.invalid/" }
    }

    /// A URL with `query` behind its own.
    func withQuery(_ url: String) -> String {
        let added = query.map { "\($0.name)=\($0.text)" }.joined(separator: "&")
        return added.isEmpty ? url : url + URLTemplate.separator(behind: url) + added
    }
}
