import '@model-loupe/core/style/page.css';
import '@model-loupe/core/style/casts.css';
import '@model-loupe/core/style/treemap.css';
import './index.css';
