import JSONTemplates

/// A webhook's URL with `${…}` in its path and query. What an event puts there is percent-encoded, so it can neither
/// end the part it stands in nor lead to another place.
package struct URLTemplate: Sendable {
    /// Why a text cannot be such a URL; never repeats the text, which is a secret behind its host.
    struct Fault: Error {
        let message: String
    }

    /// A value of `query`.
    struct QueryValue: Sendable {
        let name: String
        /// As it stands in the URL: `name=value`.
        fileprivate let text: String
        fileprivate let template: TextTemplate?

        /// - Parameter value: what has been read as a template before.
        init(name: String, value: String) {
            self.name = name
            text = "\(name)=\(value)"
            template = try? TextTemplate(text)
        }
    }

    private static let placeholder = "0"
    /// Of a whole URL, in bytes; each of its parts has a render's own limit.
    private static let mostBytes = 1 << 20

    /// As the routes file or the secret has it.
    private let source: String
    /// Nil where nothing in it is to be rendered.
    private let text: TextTemplate?
    private let query: [QueryValue]

    /// - Parameter isTemplate: false for a secret, which is taken as it is.
    /// - Returns: nil where nothing in the URL and its query is to be rendered.
    init?(_ source: String, isTemplate: Bool = true, query: [QueryValue] = []) throws(Fault) {
        self.source = source
        self.query = query
        do throws(TemplateError) { text = isTemplate ? try TextTemplate(source) : nil } catch {
            throw Fault(message: "the URL holds a template that is not well formed: \(error.message)")
        }
        if text == nil, query.allSatisfy({ $0.template == nil }) { return nil }
        guard text == nil || Self.standsBehindTheHost(Array(source.utf8)) else {
            throw Fault(
                message: "the URL holds a template before its path: scheme, host and port must stand there plainly")
        }
    }

    /// A URL of the same form, to check the rest by.
    var example: String { text?.text(each: Self.placeholder) ?? source }

    /// What stands there of the URL itself.
    var literals: [String] {
        (text?.literals ?? [source]) + query.flatMap { $0.template?.literals ?? [$0.text] }
    }

    /// - Throws: where the event would lead to another place than the template shows.
    func url(
        _ context: TemplateContext, _ functions: HostFunctions, now: Timestamp
    ) throws(TemplateFailure) -> String {
        func rendered(_ template: TextTemplate, _ place: String) throws(TemplateFailure) -> String {
            do throws(TemplateError) {
                return try template.render(
                    context, functions: functions, now: now.milliseconds, encode: PercentEncoding.encode)
            } catch {
                throw TemplateFailure(error, in: place)
            }
        }
        var url = if let text { try rendered(text, "url") } else { source }
        // Clients resolve dots between slashes, and a missing name turns a request for one thing into one for all.
        for (segment, form) in zip(Self.segments(url), Self.segments(example)) where !segment.elementsEqual(form) {
            if segment.isEmpty { throw TemplateFailure(place: "url", message: "a part of the path would be empty") }
            if Self.isDots(segment) {
                throw TemplateFailure(place: "url", message: "a part of the path would be \".\" or \"..\"")
            }
        }
        var separator = Self.separator(behind: source)
        for value in query {
            let place = "query.\(value.name)"
            let added = if let template = value.template { try rendered(template, place) } else { value.text }
            url += separator + added
            guard url.utf8.count <= Self.mostBytes else {
                throw TemplateFailure(place: place, message: "the URL would be longer than \(Self.mostBytes) bytes")
            }
            separator = "&"
        }
        return url
    }

    /// What stands between a URL and what is added to its query.
    static func separator(behind url: String) -> String { url.utf8.contains(UInt8(ascii: "?")) ? "&" : "?" }

    /// Whether the first expression stands behind scheme, user, host and port.
    private static func standsBehindTheHost(_ bytes: [UInt8]) -> Bool {
        let slash = UInt8(ascii: "/")
        let opening = bytes.indices.first { bytes[$0...].starts(with: Array("${".utf8)) } ?? bytes.count
        let scheme = bytes.indices.first { bytes[$0...].starts(with: Array("://".utf8)) }
        guard let scheme, scheme < opening else { return false }
        return bytes[(scheme + 3)..<opening].contains { $0 == slash || $0 == UInt8(ascii: "?") }
    }

    /// The path between its slashes; the first three are scheme and host.
    private static func segments(_ url: String) -> [Substring.UTF8View] {
        url.utf8.prefix { $0 != UInt8(ascii: "?") }
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }

    /// `.` and `..`, also where a dot is written as %2E.
    private static func isDots(_ segment: Substring.UTF8View) -> Bool {
        let text = String(decoding: segment, as: UTF8.self).lowercased()
        return [".", "..", "%2e", ".%2e", "%2e.", "%2e%2e"].contains(text)
    }
}

/// RFC 3986 section 2.3: all but the unreserved characters.
private enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func encode(_ text: String) -> String {
        var output: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                output.append(byte)
            default: output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
