// Warmline's chat in another site's page:
//   <script src="https://line.example/static/widget.js" async></script>
// CHAT_ORIGINS must name the site. On the tag, `data-label` sets the button's label, `data-side="left"`
// moves it, and `data-language` sets its language (default: `<html lang>`). The script reads nothing
// else of the page.
(() => {
  const tag = document.currentScript;
  const line = new URL(tag.src).origin;
  const said = /* words by language */ {};
  const asked = (tag.dataset.language || document.documentElement.lang || "").toLowerCase();
  const language = said[asked] ? asked : said[asked.split("-")[0]] ? asked.split("-")[0] : "en";
  const words = said[language];
  const chat = `${line}/chat?language=${language}`;
  const label = tag.dataset.label || words.label;
  const side = tag.dataset.side === "left" ? "left" : "right";

  const style = (element, rules) => Object.assign(element.style, rules);

  function begin() {
    const holder = document.createElement("div");
    style(holder, { position: "fixed", bottom: "1rem", [side]: "1rem", zIndex: "2147483000", display: "flex", flexDirection: "column", gap: "0.5rem", alignItems: side === "left" ? "flex-start" : "flex-end", font: "16px/1.4 system-ui, sans-serif" });

    const panel = document.createElement("div");
    panel.id = "warmline-chat";
    panel.hidden = true;
    panel.setAttribute("role", "region");
    panel.setAttribute("aria-label", label);
    style(panel, { width: "min(24rem, calc(100vw - 2rem))", height: "min(38rem, calc(100vh - 6rem))", flexDirection: "column", background: "#fffdfa", border: "1px solid #586366", borderRadius: "14px", overflow: "hidden", boxShadow: "0 8px 30px rgb(0 0 0 / 25%)" });

    const newTab = document.createElement("a");
    newTab.href = chat;
    newTab.target = "_blank";
    newTab.rel = "noopener";
    newTab.textContent = words.newTab;
    style(newTab, { padding: "0.4rem 0.8rem", color: "#0f6b66", fontSize: "0.85rem" });

    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", panel.id);
    style(button, { font: "inherit", fontWeight: "600", color: "#ffffff", background: "#0f6b66", border: "2px solid #ffffff", borderRadius: "99px", padding: "0.7rem 1.2rem", minHeight: "3rem", cursor: "pointer" });

    let frame = null;
    const show = (open) => {
      // Load the chat only when someone opens it.
      if (open && !frame) {
        frame = document.createElement("iframe");
        frame.src = chat;
        frame.title = label;
        style(frame, { flex: "1", width: "100%", border: "0" });
        panel.append(frame);
      }
      panel.hidden = !open;
      panel.style.display = open ? "flex" : "none";
      button.setAttribute("aria-expanded", String(open));
      button.textContent = open ? words.close : label;
    };
    button.addEventListener("click", () => show(panel.hidden));
    holder.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      show(false);
      button.focus();
    });

    panel.append(newTab);
    panel.style.display = "none";
    holder.append(panel, button);
    document.body.append(holder);
  }

  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})();
