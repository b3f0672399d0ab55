extension RoutesFile {
    /// Says of each destination's URL, once its secret is known, whose it is or why nobody should send there.
    func remarkURLs(_ resolved: [Destination], _ log: FindingLog) {
        let urls = Dictionary(resolved.map { ($0.name, $0.url) }) { first, _ in first }
        for declaration in destinations {
            guard let url = urls[declaration.name],
                let (severity, message) = presets.remark(on: url, preset: declaration.preset)
            else { continue }
            log.add(severity, at: declaration.url.place, message)
        }
    }
}

extension PresetLibrary {
    /// What is worth knowing about a URL, without what stands behind its host; nil where nothing is.
    fileprivate func remark(on url: String, preset name: String?) -> (Finding.Severity, String)? {
        for preset in presets {
            if let warning = preset.warnings.first(where: { $0.url.matches(url) }) {
                return (.warning, warning.message)
            }
        }
        let owners = presets.filter { preset in preset.urls.contains { $0.matches(url) } }
        guard let owner = owners.first, !owners.contains(where: { $0.name == name }) else { return nil }
        let wanted = "this is a URL of \(owner.title), for which there is \"preset\": \(Words.quoted(owner.name))"
        return name == nil ? (.note, wanted) : (.warning, "\(wanted), not \(Words.quoted(name ?? ""))")
    }
}
