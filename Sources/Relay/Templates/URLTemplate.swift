import JSONTemplates

/// A webhook's URL with `${…}` in its path and query. What an event puts there is percent-encoded, so it can neither
/// end the part it stands in nor lead to another place.
package struct URLTemplate: Sendable {
    /// Why a text cannot be such a URL; never repeats the text, which is a secret behind its host.
    struct Fault: Error {
        let message: String
    }

    private static let placeholder = "0"

    private let text: TextTemplate
    /// The values of `query`, which `text` has too.
    private let query: [(name: String, text: TextTemplate)]

    /// - Returns: nil where nothing in the URL is to be rendered.
    init?(_ source: String, query: [(name: String, text: TextTemplate)] = []) throws(Fault) {
        self.query = query
        let text: TextTemplate?
        do throws(TemplateError) { text = try TextTemplate(source) } catch {
            throw Fault(message: "the URL holds a template that is not well formed: \(error.message)")
        }
        guard let text else { return nil }
        self.text = text
        guard Self.standsBehindTheHost(Array(source.utf8)) else {
            throw Fault(
                message: "the URL holds a template before its path: scheme, host and port must stand there plainly")
        }
    }

    /// A URL of the same form, to check the rest by.
    var example: String { text.text(each: Self.placeholder) }

    /// What stands there of the URL itself.
    var literals: [String] { text.literals }

    /// - Throws: where the event would lead to another place than the template shows.
    func url(
        _ context: TemplateContext, _ functions: HostFunctions, now: Timestamp
    ) throws(TemplateFailure) -> String {
        let url: String
        do throws(TemplateError) {
            url = try text.render(context, functions: functions, now: now.milliseconds, encode: PercentEncoding.encode)
        } catch {
            throw failure(error, context, functions, now)
        }
        // Clients resolve dots between slashes, and a missing name turns a request for one thing into one for all.
        for (segment, form) in zip(Self.segments(url), Self.segments(example)) where !segment.elementsEqual(form) {
            if segment.isEmpty { throw TemplateFailure(place: "url", message: "a part of the path would be empty") }
            if Self.isDots(segment) {
                throw TemplateFailure(place: "url", message: "a part of the path would be \".\" or \"..\"")
            }
        }
        return url
    }

    /// Names the value of `query` that fails, also by itself; else it is the URL's own text.
    private func failure(
        _ error: TemplateError, _ context: TemplateContext, _ functions: HostFunctions, _ now: Timestamp
    ) -> TemplateFailure {
        for (name, text) in query where error.kind != .budget {
            do throws(TemplateError) {
                _ = try text.render(context, functions: functions, now: now.milliseconds)
            } catch {
                return TemplateFailure(error, in: "query.\(name)")
            }
        }
        return TemplateFailure(error, in: "url")
    }

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
