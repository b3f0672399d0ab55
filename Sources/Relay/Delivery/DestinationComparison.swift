import Signatures

extension Destination {
    /// Whether requests go to the same place in the same way, so that what the other one said of us still holds.
    ///
    /// Keys are compared by what they sign: they do not show themselves.
    package func isReached(like other: Destination) -> Bool {
        method == other.method && url.hasSameBytes(as: other.url) && options == other.options
            && overrides == other.overrides && hasSameHeaders(as: other) && hasSameSignature(as: other)
            && hasSameBody(as: other) && oauth2 == other.oauth2
    }

    private func hasSameBody(as other: Destination) -> Bool {
        templates?.hasSameBody(as: other.templates) ?? (other.templates?.hasSameBody(as: nil) ?? true)
    }

    private func hasSameHeaders(as other: Destination) -> Bool {
        headers.elementsEqual(other.headers) {
            $0.name.hasSameBytes(as: $1.name) && $0.value.hasSameBytes(as: $1.value)
        }
    }

    private func hasSameSignature(as other: Destination) -> Bool {
        let ours = signer?.headers(id: "", timestampSeconds: 0, body: [])
        let theirs = other.signer?.headers(id: "", timestampSeconds: 0, body: [])
        guard let ours, let theirs else { return ours == nil && theirs == nil }
        return ours.elementsEqual(theirs) { $0.name == $1.name && $0.value == $1.value }
    }
}
