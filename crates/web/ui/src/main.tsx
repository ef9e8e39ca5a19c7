import { createRoot } from "react-dom/client";
import { App } from "./app";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/overview.css";
import "./styles/pages.css";
import "./styles/sections.css";
import "./styles/cases.css";

createRoot(document.getElementById("root")!).render(<App />);
